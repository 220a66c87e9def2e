import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createLogger } from "../../src/telemetry/log.ts";

function logInto(level = "info") {
  const lines: string[] = [];
  const logger = createLogger({ level, stream: { write: (line) => lines.push(line) } });
  return { logger, lines, objects: () => lines.map((line) => JSON.parse(line)) };
}

describe("createLogger", () => {
  it("writes one JSON object a line, with the level as a word and the time in UTC", () => {
    const { logger, lines, objects } = logInto();
    logger.info({ port: 8080 }, "listening\non two lines");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
    expect(objects()[0]).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      port: 8080,
      msg: "listening\non two lines",
    });
  });

  it("leaves out what is less important than the level", () => {
    const { logger, objects } = logInto("warn");
    logger.info("no");
    logger.warn("yes");
    expect(objects().map(({ msg }) => msg)).toEqual(["yes"]);
  });

  it("is silent when told to be", () => {
    const { logger, lines } = logInto("silent");
    logger.fatal("nothing");
    expect(lines).toEqual([]);
  });

  it.each(["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"])(
    "never writes the value of the header %s, wherever the headers stand",
    (header) => {
      const headers = { [header]: "Bearer sk-secret", accept: "text/plain" };
      const { logger, lines } = logInto();
      logger.info(headers, "top");
      logger.info({ headers }, "headers");
      logger.info({ req: { headers } }, "request");
      logger.info({ headers: { Accept: "text/plain", [header.toUpperCase()]: "Bearer sk-secret" } }, "in capitals");
      logger.info({ headers: new Headers(headers) }, "as the platform has them");
      logger.child({ headers }).info("child");
      expect(lines).toHaveLength(6);
      expect(lines.join("")).not.toContain("sk-secret");
      expect(lines.every((line) => line.includes("[redacted]") && line.includes("text/plain"))).toBe(true);
    },
  );

  it("writes an error with its message and stack", () => {
    const { logger, objects } = logInto();
    logger.error({ err: new TypeError("boom") }, "failed");
    expect(objects()[0].err).toMatchObject({
      type: "TypeError",
      message: "boom",
      stack: expect.stringContaining("log.test"),
    });
  });

  it("loses no line when the process exits right behind it, and puts none on stdout", () => {
    const path = fileURLToPath(new URL("../../src/telemetry/log.ts", import.meta.url));
    const program = `
      const { createLogger } = await import(${JSON.stringify(path)});
      const logger = createLogger({ level: "info" });
      for (let i = 0; i < 1000; i++) logger.info({ i }, "line");
      process.exit(3);`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    expect(status).toBe(3);
    expect(stdout).toBe("");
    expect(stderr.trimEnd().split("\n")).toHaveLength(1000);
  });
});
