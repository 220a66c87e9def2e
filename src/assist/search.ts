import { rankByWords } from "./bm25.ts";
import { type Chunk, splitChunks } from "./chunks.ts";
import type { Repository } from "./repository.ts";
import { listFiles } from "./repository.ts";
import { isSecretPath } from "./secrets.ts";
import { type LeftOut, NotReadError, readTextFile, type Source } from "./sources.ts";

const MAX_FILES = 5_000;
const MAX_TOTAL_CHARS = 32 * 1024 * 1024;
const MAX_FOUND = 12;
/** The list of files leaves room for what stands in them. */
const LIST_SHARE = 0.15;
/** Written by programs, and so full of words that it would be found for any question. */
const GENERATED = /(^|\/)([^/]*[.-]lock(\.\w+)?|[^/]+\.(min\.\w+|map|svg|snap))$|(^|\/)go\.sum$/;

/** The text of a repository, in chunks. */
export type Corpus = {
  readonly chunks: readonly Chunk[];
  readonly files: readonly string[];
  readonly leftOut: readonly LeftOut[];
};

/** Ranks chunks by how well they answer a question: indexes, the best first. */
export type Rank = (chunks: readonly Chunk[], question: string) => Promise<readonly number[]>;

/** Reads the files of a repository that git doesn't ignore, without what isn't text and what holds secrets. */
export async function readCorpus(repository: Repository): Promise<Corpus> {
  const listed = await listFiles(repository);
  const files = listed.filter((path) => !isSecretPath(path) && !GENERATED.test(path));
  const chunks: Chunk[] = [];
  let [read, chars, unread] = [0, 0, 0];
  for (const path of files) {
    if (read >= MAX_FILES || chars > MAX_TOTAL_CHARS) break;
    read += 1;
    try {
      const { text } = await readTextFile(repository.root, path);
      chars += text.length;
      chunks.push(...splitChunks(path, text));
    } catch (error) {
      if (!(error instanceof NotReadError)) throw error;
      unread += 1;
    }
  }
  const left = [
    { count: listed.length - files.length, why: "they hold secrets, or were written by a program" },
    { count: unread, why: "they are no text in UTF-8, too large, links, or hold secrets" },
    { count: files.length - read, why: `at most ${MAX_FILES} files and 32 MiB are searched` },
  ];
  return {
    ...{ chunks, files },
    leftOut: left
      .filter(({ count }) => count > 0)
      .map(({ count, why }) => ({ what: `${count} ${count === 1 ? "file" : "files"} of the search`, why })),
  };
}

export const rankByTheirWords: Rank = async (chunks, question) =>
  rankByWords(chunks.map(textOf), question).map(({ index }) => index);

/** What of a repository is worth reading for a question, and the list of its files. */
export async function search({ chunks, files }: Corpus, question: string, rank: Rank): Promise<readonly Source[]> {
  const found = (await rank(chunks, question)).slice(0, MAX_FOUND).flatMap((index) => chunks[index] ?? []);
  const sources = found.map(({ path, firstLine, text }): Source => {
    const title = `${path}, lines ${firstLine}-${firstLine + text.split("\n").length - 1}`;
    return { title, reason: "found for the question", path, firstLine, text, keeps: "begin" };
  });
  const list: Source = {
    ...{ title: "Files of the repository", reason: "which files there are", keeps: "begin", share: LIST_SHARE },
    text: files.join("\n"),
  };
  return [...sources, list];
}

/** A chunk with its path, whose words count too. */
export function textOf({ path, text }: Chunk): string {
  return `${path}\n${text}`;
}
