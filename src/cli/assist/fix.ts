import { openJournal } from "../../assist/journal.ts";
import { recover } from "../../assist/replace-files.ts";
import { isIgnored, listFiles, type Repository } from "../../assist/repository.ts";
import { NotReadError, readTextFile, type Source, sourceOf, type TextFile } from "../../assist/sources.ts";
import { guessTestPath } from "../../assist/test-path.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../errors.ts";
import { withAnswerer } from "./assist.ts";
import { change, type Task } from "./change.ts";
import { gather, readNamed, requirePath } from "./gather.ts";

/** A test that is there already shows how tests look here, and leaves room for the file. */
const EXAMPLE_SHARE = 0.3;

/** `sluice assist fix [WHAT…]`: proposes edits of the files that are named, or that a piped output names. Throws a CommandError. */
export function fix(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const look = async (repository: Repository): Promise<Task> => {
    await recover(repository.root, openJournal(repository.stateFolder));
    const gathered = await gather(repository, flags, context, { words: [], takesFresh: true });
    const { named, fresh, found } = gathered;
    const files = new Map([...found, ...named].map(({ path, text }): [string, string | undefined] => [path, text]));
    for (const path of fresh) files.set(path, undefined);
    if (files.size === 0) {
      throw new UsageError(
        "There is no file to mend. Name one, or pipe in an output that names places in files of the repository: sluice assist fix --file src/main.ts 'what is wrong'",
      );
    }
    const said = words.join(" ").trim();
    return {
      ...{ command: "fix", gathered, files },
      named: new Set([...named.map(({ path }) => path), ...fresh]),
      question: `${said === "" ? "Mend what is wrong." : said}\n\nEdit only: ${[...files.keys()].join(", ")}.`,
    };
  };
  return withAnswerer("fix", flags, context, look, (work, task) => change(task, work));
}

/** `sluice assist test FILE`: proposes a test of a file, in a file of its own. Throws a CommandError. */
export function test(file: string, flags: Flags, context: CliContext): Promise<number> {
  const look = async (repository: Repository): Promise<Task> => {
    await recover(repository.root, openJournal(repository.stateFolder));
    const gathered = await gather(repository, flags, context, { words: [file] });
    const [tested] = gathered.named;
    const guess = guessTestPath(tested?.path ?? file, await listFiles(repository));
    const path = typeof flags.out === "string" ? requirePath(repository, flags.out) : guess.path;
    if (path === tested?.path)
      throw new UsageError(`--out: ${path} is the file to test. Name another one for the test.`);
    if (flags.out === undefined && (await isIgnored(repository, path))) {
      throw new UsageError(`git ignores ${path}, where the test would belong. Name another place: --out test/name.ts`);
    }
    const before = await readNamed(repository, path, true);
    const examples = before === undefined ? await readExample(repository, guess.neighbours) : [];
    const own = before === undefined ? [] : [sourceOf(before, "the test that is there")];
    return {
      command: "test",
      gathered: { ...gathered, sources: [...gathered.sources, ...own, ...examples] },
      files: new Map([[path, before?.text]]),
      named: new Set([path]),
      question:
        before === undefined
          ? `Write a test of ${tested?.path}, in the new file ${path}.`
          : `Add to ${path} what it doesn't test of ${tested?.path} yet.`,
    };
  };
  return withAnswerer("test", flags, context, look, (work, task) => change(task, work));
}

async function readExample({ root }: Repository, paths: readonly string[]): Promise<readonly Source[]> {
  for (const path of paths) {
    const file = await readTextFile(root, path).catch((error: unknown): TextFile | undefined => {
      if (error instanceof NotReadError) return undefined;
      throw error;
    });
    if (file !== undefined) return [{ ...sourceOf(file, "an example of the tests here"), share: EXAMPLE_SHARE }];
  }
  return [];
}
