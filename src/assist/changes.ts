import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { applyEdits, type Edit, EditError } from "./edits.ts";

/** A file grows by an edit, but not to more than this. */
const MAX_BYTES = 1024 * 1024;
/** For all files together; what takes longer to compare is shown as replaced whole. */
const MAX_DIFF_MS = 2_000;

/** A file before and after; undefined where there is none. */
export type Change = { readonly path: string; readonly before: string | undefined; readonly after: string | undefined };

/**
 * What edits make of files. Throws an EditError for an edit of another file, and as `applyEdits`.
 *
 * @param files the texts of the files that may be edited; undefined for one that doesn't exist yet
 */
export function planChanges(edits: readonly Edit[], files: ReadonlyMap<string, string | undefined>): readonly Change[] {
  return [...Map.groupBy(edits, ({ path }) => path)].map(([path, group]) => {
    if (!files.has(path)) {
      throw new EditError(
        `${JSON.stringify(path)} is none of the files that may be edited: ${[...files.keys()].join(", ")}.`,
      );
    }
    const before = files.get(path);
    const after = applyEdits(path, before ?? "", group);
    if (Buffer.byteLength(after) > MAX_BYTES) throw new EditError(`${path} would have more than ${MAX_BYTES} bytes.`);
    return { path, before, after };
  });
}

/** Changes as one diff. */
export function describeChanges(changes: readonly Change[]): string {
  const endMs = performance.now() + MAX_DIFF_MS;
  return changes
    .map(({ path, before, after }) => {
      const [from, to] = [
        before === undefined ? "/dev/null" : `a/${path}`,
        after === undefined ? "/dev/null" : `b/${path}`,
      ];
      const options = { context: 3, headerOptions: FILE_HEADERS_ONLY, timeout: Math.max(1, endMs - performance.now()) };
      const patch = createTwoFilesPatch(from, to, before ?? "", after ?? "", undefined, undefined, options);
      return patch ?? `--- ${from}\n+++ ${to}\n${replacedWhole(before ?? "", after ?? "")}`;
    })
    .join("");
}

/** All lines go, and all come: a diff that needs no comparison. */
function replacedWhole(before: string, after: string): string {
  const [gone, come] = [linesOf(before), linesOf(after)];
  const marked = (sign: string, lines: readonly string[], text: string) =>
    lines.map((line) => `${sign}${line}\n`).join("") +
    (text === "" || text.endsWith("\n") ? "" : "\\ No newline at end of file\n");
  const range = ({ length }: readonly string[]) => `${Math.min(1, length)},${length}`;
  return `@@ -${range(gone)} +${range(come)} @@\n${marked("-", gone, before)}${marked("+", come, after)}`;
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
