import { MESSAGE_SCHEMA, readMessage } from "../../assist/commit-message.ts";
import { readDiff } from "../../assist/diffs.ts";
import type { Repository } from "../../assist/repository.ts";
import type { Git } from "../../assist/run-git.ts";
import type { Source } from "../../assist/sources.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { answerFor } from "../controls.ts";
import { CommandError, UsageError } from "../errors.ts";
import { collect } from "./answer.ts";
import { prepare, tellAsked, type Work, withAnswerer } from "./assist.ts";
import { encodeContext } from "./show-context.ts";
import { askTerminal } from "./terminal.ts";

/** So many of the last messages show the repository's style. */
const LAST_MESSAGES = 8;
/** A prefix such as `fix:` or `feat(cli)!:` : https://www.conventionalcommits.org/en/v1.0.0/ */
const CONVENTIONAL = /^[a-z]+(\([^)\n]+\))?!?: /;

const FORMAT = { type: "json_schema", json_schema: { name: "commit_message", schema: MESSAGE_SCHEMA, strict: true } };

/**
 * `sluice assist commit [HINT…]`: writes the message of the staged change, and commits with it if told to. Hooks run as with `git commit`. Throws a
 * CommandError.
 */
export function commit(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const look = async ({ git }: Repository) => {
    const changes = await readDiff({ git }, { type: "staged" });
    if (changes.sources.length === 0 && changes.leftOut.length === 0) {
      throw new UsageError("Nothing is staged. Stage what the commit shall have: git add -p");
    }
    return { changes, tree: await treeOf(git), last: await lastMessages(git) };
  };
  return withAnswerer("commit", flags, context, look, async (work, { changes, tree, last }) => {
    const { git } = work.repository;
    const asked = await prepare(
      work,
      { sources: [...styleOf(last), ...changes.sources], leftOut: changes.leftOut },
      questionOf(last, words.join(" ").trim()),
    );
    tellAsked(work);
    const { text, ending } = await collect((reader) => asked.ask(reader, { response_format: FORMAT }));
    if (ending.reason === "length") {
      throw new CommandError(
        "The message was cut off at the answer's maximum length, so nothing was committed. Raise it with --max-tokens, or name another model with --model.",
      );
    }
    const message = readMessage(text);
    if (message === "") {
      throw new CommandError(
        "The model's answer is no commit message, so nothing was committed. Name another model with --model.",
      );
    }
    const isWanted = await offer(message, work);
    work.signal.throwIfAborted();
    const committed = isWanted ? await commitStaged(git, message, tree, context) : undefined;
    if (flags.json === true) {
      const found = { model: ending.stats.model, message, committed: committed ?? null };
      const shown = encodeContext(asked.context, flags.showContext === true);
      context.stdout.write(`${JSON.stringify({ ...found, ...shown }, null, 2)}\n`);
    } else if (committed !== undefined) context.stderr.write(`Committed: ${committed}\n`);
  });
}

/** Shows the message, and returns whether to commit with it. */
async function offer(message: string, { flags, context, signal }: Work): Promise<boolean> {
  const { stdout, stderr } = context;
  if (flags.json !== true) stdout.write(`${answerFor(stdout, message)}\n`);
  if (flags.apply === true) return true;
  if (flags.json === true || stdout.isTTY !== true) return false;
  const answer = await askTerminal("Commit with this message?", context, signal);
  if (answer !== true) stderr.write("Nothing was committed.\n");
  return answer === true;
}

async function lastMessages(git: Git): Promise<readonly string[]> {
  const { exitCode } = await git(["rev-parse", "--quiet", "--verify", "HEAD"], { alsoOk: 1 });
  if (exitCode !== 0) return [];
  const { text } = await git(["log", "--no-merges", "--no-show-signature", `-${LAST_MESSAGES}`, "--format=%s"]);
  return text.split("\n").filter((line) => line !== "");
}

function styleOf(last: readonly string[]): readonly Source[] {
  if (last.length === 0) return [];
  const text = last.map((subject) => subject.slice(0, 200)).join("\n");
  return [{ title: "The repository's last messages", reason: "for the style", text, keeps: "begin", share: 0.2 }];
}

function questionOf(last: readonly string[], hint: string): string {
  const conventional = last.filter((subject) => CONVENTIONAL.test(subject)).length;
  const form =
    last.length > 0 && conventional * 2 >= last.length
      ? " It begins with a type as in Conventional Commits, such as fix: or feat(scope):, as the last messages do."
      : "";
  return `Write the message of this change.${form}${hint === "" ? "" : ` The author says: ${hint}`}`;
}

/** The name of what is staged, as a whole. */
async function treeOf(git: Git): Promise<string> {
  return (await git(["write-tree"])).text.trim();
}

async function commitStaged(git: Git, message: string, tree: string, { stderr }: CliContext): Promise<string> {
  if ((await treeOf(git)) !== tree) {
    throw new CommandError("What is staged has changed meanwhile. Nothing was committed: try again.");
  }
  const { text } = await git(["commit", "--file=-"], { input: `${message}\n` });
  stderr.write(text.trim() === "" ? "" : `${answerFor(stderr, text.trim())}\n`);
  return (await git(["rev-parse", "HEAD"])).text.trim();
}
