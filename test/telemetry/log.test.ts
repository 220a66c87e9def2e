import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
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

  it.each([
    ["exits", "process.exit(3)", 3],
    ["ends", "process.exitCode = 3", 3],
    ["fails", "throw new Error('uncaught')", 1],
    [
      "is asked to stop",
      "process.on('SIGTERM', () => process.exit(3)); process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)",
      3,
    ],
  ])("loses no line when the process %s right behind it, and puts none on stdout", (_, end, code) => {
    // The only thread that could write meanwhile is busy.
    const { stdout, stderr, status } = run(`
      (await import("node:crypto")).pbkdf2("", "", 200_000, 64, "sha512", () => {});
      for (let i = 0; i < 1000; i++) logger.info({ i }, "line");
      ${end};`);
    expect(status).toBe(code);
    expect(stdout).toBe("");
    const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
    expect(lines.map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 1000 }, (__, i) => i));
  });

  it("writes a line soon, together with others, and a warning at once with all before it", async () => {
    const child = start(`
      logger.info("first");
      process.once("message", () => {
        logger.info("second");
        logger.warn("third");
      });
      setInterval(() => {}, 1000);`);
    expect(await nextLines(child)).toEqual(["first"]);
    child.send("go");
    expect(await nextLines(child)).toEqual(["second", "third"]);
    child.kill("SIGKILL");
  });
});

function programOf(program: string): string[] {
  const path = fileURLToPath(new URL("../../src/telemetry/log.ts", import.meta.url));
  const begin = `const { createLogger } = await import(${JSON.stringify(path)}); const logger = createLogger({ level: "info" });`;
  return ["--input-type=module", "-e", begin + program];
}

function run(program: string) {
  return spawnSync(process.execPath, programOf(program), {
    encoding: "utf8",
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
}

function start(program: string): ChildProcess {
  const child = spawn(process.execPath, programOf(program), { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** The messages of what comes in one piece. */
async function nextLines({ stderr }: ChildProcess): Promise<string[]> {
  if (stderr === null) throw new Error("the process has no stderr");
  const [piece] = await once(stderr, "data");
  return String(piece)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).msg);
}
