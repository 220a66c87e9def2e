import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { settings } from "../../src/config/settings.ts";
import { fakeContext } from "./fake-context.ts";

async function runWith(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const context = fakeContext({ env });
  const exitCode = await run(words, context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

describe("--help", () => {
  it("begins with the commands, a line each, and shows no setting", async () => {
    const { exitCode, stdout, stderr } = await runWith(["--help"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    for (const command of ["serve", "pull", "models", "config", "doctor"])
      expect(stdout).toMatch(new RegExp(`^  ${command} .*\\S$`, "m"));
    expect(stdout.indexOf("Models:")).toBeLessThan(stdout.indexOf("Options:"));
    expect(stdout).not.toContain("--port <");
    expect(stdout).toContain("npm run sluice -- serve --model gemma-3-270m --port 9000");
  });

  it("of serve shows every setting once, with its flag, variable and default, and how to turn it off", async () => {
    const { exitCode, stdout, stderr } = await runWith(["serve", "--help"]);
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    const oneLine = stdout.replaceAll(/\s+/g, " ");
    for (const { flag, variable, description, isBoolean, defaultValue } of settings) {
      const shown = defaultValue === true ? flag.replace("--", "--[no-]") : flag;
      expect(oneLine).toContain(isBoolean ? `${shown} ` : `${shown} <`);
      expect(oneLine).toContain(`${description} (env ${variable}, default `);
      expect(oneLine.split(`(env ${variable}, `)).toHaveLength(2);
      if (defaultValue === true) expect(oneLine).toContain(`; turn it off with ${flag.replace("--", "--no-")})`);
    }
    expect(oneLine).toContain("--port <number> port to listen on; 0 picks a free one (env SLUICE_PORT, default 8080)");
    expect(oneLine).toContain("--config <file>");
    for (const value of ["--on-demand <model|downloaded>", "--memory <auto|size>", "--keep-loaded <auto|always|time>"])
      expect(oneLine).toContain(value);
    expect(stdout).toContain("npm run sluice -- serve --port 9000 --slots 8");
  });

  it("of a command shows its arguments and options", async () => {
    const { exitCode, stdout } = await runWith(["pull", "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("npm run sluice -- pull [options] <name...>");
    expect(stdout).toContain("--models-dir <dir>");
    expect(stdout).not.toContain("--port");
  });
});

describe("--version", () => {
  it("prints only the version", async () => {
    expect(await runWith(["--version"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe("wrong usage exits with 2 and suggests the right one", () => {
  it.each<[readonly string[], string]>([
    [["--prot", "1"], "error: unknown option '--prot'\n(Did you mean --port?)"],
    [["--verson"], "(Did you mean --version?)"],
    [["config", "--slot", "1"], "(Did you mean --slots?)"],
    [["pul", "x"], "error: unknown command 'pul'. Did you mean pull?"],
    [
      ["xyzzy"],
      "error: unknown command 'xyzzy'.\n`npm run sluice -- --help` lists the commands, and `npm run sluice -- serve --help` the settings.",
    ],
    [
      ["--port", "1", "config"],
      "error: unknown command 'config'. Put the command before its flags: npm run sluice -- config …",
    ],
    [["config", "--port"], "error: option '--port <number>' argument missing"],
    [
      ["pull"],
      "error: missing required argument 'name'\n`npm run sluice -- pull --help` lists its arguments and options.",
    ],
    [["compare", "--nosuch"], "`npm run sluice -- compare --help` lists its arguments and options."],
    [["config", "extra"], "error: too many arguments for 'config'"],
    [["pull", "x", "--port", "1"], "error: unknown option '--port'"],
    [["config", "--port", "x"], 'error: A setting is wrong:\n  --port: "x" is not allowed.'],
    [["config", "--config", "gone.yaml"], "gone.yaml: can't be read: there is no such file."],
    [["--slots", "0"], "--slots: 0 is not allowed. Give a whole number from 1 to 256."],
  ])("%j", async (words, message) => {
    const { exitCode, stdout, stderr } = await runWith(words);
    expect(stderr).toContain(message);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });

  it("in the environment, too", async () => {
    const { exitCode, stderr } = await runWith(["config"], { SLUICE_SLOT: "1" });
    expect(stderr).toContain("SLUICE_SLOT: no setting has this name. Did you mean SLUICE_SLOTS?");
    expect(exitCode).toBe(2);
  });
});

describe("config", () => {
  it("prints a table of every setting, its value and where it came from", async () => {
    const { exitCode, stdout } = await runWith(["config", "--port", "9000", "--model", "a", "--model", "b,c"], {
      SLUICE_ALIASES: "x=a",
    });
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(settings.length + 1);
    // Columns are as wide as their longest entry, whatever settings there are.
    const rows = lines.map((line) => line.split(/ {2,}/));
    expect(rows.map(([name]) => name)).toEqual(["SETTING", ...settings.map(({ key }) => key)]);
    expect(rows).toEqual(
      expect.arrayContaining([
        ["SETTING", "VALUE", "FROM"],
        ["host", "127.0.0.1", "default"],
        ["port", "9000", "--port"],
        ["model", "a, b,c", "--model"],
        ["adapters", "(none)", "default"],
        ["aliases", "x=a", "SLUICE_ALIASES"],
      ]),
    );
    const valueColumns = lines
      .slice(0, 7)
      .map((line) => line.search(/ {2,}\S/) + (line.match(/ {2,}/)?.[0].length ?? 0));
    expect(new Set(valueColumns).size).toBe(1);
    expect(stdout).toMatch(/^corsOrigins +\(none\) +default$/m);
  });

  it.each([
    [["--per-model", "nosuch.slots=2"], "--per-model names nosuch, which is not served."],
    [["--aliases", "x=nosuch"], "'nosuch', which is not served"],
    [["--model", "nosuch"], 'There is no model "nosuch".'],
  ])("reports with %j why a start would fail", async (words, message) => {
    const { exitCode, stdout, stderr } = await runWith(["config", ...words]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("SETTING");
    expect(stderr).toContain("Sluice can't start with these settings: ");
    expect(stderr).toContain(message);
  });

  it("says with --check only whether a gateway can start, and exits so", async () => {
    expect(await runWith(["config", "--check"])).toEqual({ exitCode: 0, stdout: "The settings: valid\n", stderr: "" });
    const wrong = await runWith(["config", "--check", "--json", "--model", "nosuch"]);
    expect([wrong.exitCode, JSON.parse(wrong.stdout)]).toEqual([
      1,
      { problems: [expect.stringContaining('There is no model "nosuch".')] },
    ]);
  });

  it("prints the same as JSON, with values as they are", async () => {
    const { stdout } = await runWith(["config", "--json", "--context", "512"]);
    const printed = JSON.parse(stdout);
    expect(Object.keys(printed)).toEqual(settings.map(({ key }) => key));
    expect(printed.context).toEqual({ value: 512, from: "--context" });
    expect(printed.threads).toEqual({ value: "auto", from: "default" });
    expect(printed.corsOrigins).toEqual({ value: [], from: "default" });
  });
});
