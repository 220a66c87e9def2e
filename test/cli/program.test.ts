import { stripVTControlCharacters } from "node:util";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { examplesOf } from "../../src/cli/help.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { run } from "../../src/cli/run.ts";
import { settingGroups } from "../../src/config/groups.ts";
import { settings } from "../../src/config/settings.ts";
import { fakeContext, fakeOutput } from "./fake-context.ts";

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

const program = buildProgram(fakeContext(), () => {});
const commands = allCommands(program).filter((command) => command.name() !== "help");

function pathOf(command: Command): string {
  return command.parent === null ? "sluice" : `${pathOf(command.parent)} ${command.name()}`;
}

/** The words of a command line, as a shell reads them. */
function wordsOf(line: string): readonly string[] {
  return Array.from(line.matchAll(/'[^']*'|\S+/g), ([word]) => word.replaceAll("'", ""));
}

describe("the command line", () => {
  it.each(commands.map((command) => [pathOf(command), command] as const))(
    "%s has a description and examples of itself that could be typed",
    (path, command) => {
      expect(command.description()).not.toBe("");
      const examples = examplesOf(command);
      expect(examples.length).toBeGreaterThan(0);
      for (const [line, purpose] of examples) {
        expect(purpose).not.toBe("");
        const typed = line.split("|").find((part) => part.trim().startsWith("sluice "));
        expect(`${typed?.trim()} `).toContain(`${path} `);
        let named: Command = program;
        for (const word of wordsOf(typed?.trim() ?? "").slice(1)) {
          const sub = named.commands.find((each) => each.name() === word);
          if (sub !== undefined) named = sub;
          else if (word.startsWith("-")) {
            const flags = named.options.flatMap(({ long, short, flags }) => [long, short, ...flags.split(/, | /)]);
            expect(flags).toContain(word);
          }
        }
      }
    },
  );

  it("has one line for each command in the help", () => {
    const help = program.createHelp();
    const longest = Math.max(...help.visibleCommands(program).map((each) => help.subcommandDescription(each).length));
    expect(longest + help.padWidth(program, help)).toBeLessThan(118);
  });

  it("has each setting in exactly one group", () => {
    const grouped = settingGroups.flatMap((group) => group.settings);
    expect(grouped).toEqual(settings);
  });

  it("puts descriptions below their terms in a narrow terminal, and goes over its edge with none", async () => {
    const context = { ...fakeContext(), stdout: fakeOutput({ isTTY: true, columns: 40 }) };
    expect(await run(["--help"], context)).toBe(0);
    const plain = stripVTControlCharacters(context.stdout.text());
    const [beforeExamples = ""] = plain.split("Examples:");
    expect(beforeExamples).toContain("  pull <name...>\n      download models: catalogue names,\n");
    for (const line of beforeExamples.split("\n").slice(1)) expect(line.length).toBeLessThanOrEqual(40);
  });

  it("wraps all text of the help, notes included, at 80 columns where no terminal says another width", async () => {
    for (const command of commands) {
      const context = { ...fakeContext(), stderr: fakeOutput({ isTTY: true, columns: 100 }) };
      const words = pathOf(command).split(" ").slice(1);
      expect(await run([...words, "--help"], command === program ? fakeContext() : context)).toBe(0);
      const piped = fakeContext();
      await run([...words, "--help"], piped);
      const [before = "", after = ""] = piped.stdout.text().split(/^Examples:\n(?:.+\n)*/m);
      for (const line of [...before.split("\n").slice(1), ...after.split("\n")])
        expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  it("is as wide as the terminal from which it is piped to a pager", async () => {
    const context = { ...fakeContext(), stderr: fakeOutput({ isTTY: true, columns: 200 }) };
    await run(["pipe", "--help"], context);
    expect(
      context.stdout
        .text()
        .split("\n")
        .some((line) => line.length > 120),
    ).toBe(true);
  });

  it.each([
    [["help", "srve"], "error: unknown command 'srve'. Did you mean serve?"],
    [["srve", "--help"], "error: unknown command 'srve'. Did you mean serve?"],
    [["help", "service", "instal"], "error: unknown command 'instal'. Did you mean install?"],
    [["service", "instal", "--help"], "error: unknown command 'instal'. Did you mean install?"],
    [["models", "promt", "--help"], "error: unknown command 'promt'. Did you mean promote?"],
    [["help", "xyzxyzxyz"], "error: unknown command 'xyzxyzxyz'."],
  ])("refuses %j as wrong usage, and prints no help", async (words, message) => {
    const context = fakeContext();
    expect(await run(words, context)).toBe(2);
    expect([context.stdout.text(), context.stderr.text()]).toEqual(["", expect.stringContaining(message)]);
  });

  it.each([
    [["help", "service", "install"], "service install [options]"],
    [["service", "help", "install"], "service install [options]"],
    [["help", "keys"], "keys [options] [command]"],
    [["help"], "[command] [options]"],
    [["help", "help"], "help [options] [command...]"],
  ])("prints for %j the help that it names", async (words, usage) => {
    const context = fakeContext();
    expect(await run(words, context)).toBe(0);
    expect(context.stdout.text().split("\n", 1)[0]).toContain(usage);
  });

  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ NO_COLOR: "" }, true, true],
    [{ TERM: "dumb" }, true, false],
    [{ FORCE_COLOR: "1" }, false, true],
    [{ FORCE_COLOR: "1", NO_COLOR: "1" }, false, true],
    [{ FORCE_COLOR: "0" }, true, false],
  ])("with %j and a terminal: %s, has colours: %s", async (env, isTTY, isColoured) => {
    const context = { ...fakeContext({ env }), stdout: fakeOutput({ isTTY, columns: 100 }) };
    await run(["--help"], context);
    expect(context.stdout.text().includes("\u001b[")).toBe(isColoured);
  });
});

describe("SLUICE_URL", () => {
  const ask = async (env: NodeJS.ProcessEnv, ...words: string[]) => {
    const context = fakeContext({ env });
    const exitCode = await run(["ps", ...words], context);
    return [exitCode, context.stderr.text()];
  };

  it("names the gateway of every command that asks one, unless a flag does", async () => {
    const env = { SLUICE_URL: "http://127.0.0.1:9/v1" };
    expect(await ask(env)).toEqual([3, expect.stringContaining("No gateway responds at http://127.0.0.1:9.")]);
    expect(await ask(env, "--url", "http://127.0.0.1:7")).toEqual([3, expect.stringContaining("127.0.0.1:7.")]);
    expect(await ask(env, "--port", "5")).toEqual([3, expect.stringContaining("127.0.0.1:5.")]);
  });

  it("must be a URL", async () => {
    const message = 'SLUICE_URL: "127.0.0.1:8080" is no URL of a gateway. Give one such as http://127.0.0.1:8080.';
    expect(await ask({ SLUICE_URL: "127.0.0.1:8080" })).toEqual([2, expect.stringContaining(message)]);
    expect(await ask({}, "--url", "x")).toEqual([2, expect.stringContaining('--url: "x" is no URL')]);
  });

  it.each(["http://me:hush@127.0.0.1:9", "http://hush@127.0.0.1:9/v1", "ftp://me:hush@host", "me:hu@sh@127.0.0.1:9"])(
    "is refused with a password in it, which is not shown: %s",
    async (url) => {
      for (const [code, said] of [await ask({}, "--url", url), await ask({ SLUICE_URL: url })]) {
        expect(code).toBe(2);
        expect(said).not.toMatch(/hu|sh@|me:/);
      }
    },
  );

  it("names a gateway, not its user", async () => {
    const [, said] = await ask({}, "--url", "http://me:hush@10.0.0.5:9");
    expect(said).toContain("Give http://10.0.0.5:9, and a key");
  });
});
