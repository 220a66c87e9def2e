/** Changes files while one call of the file system fails, or kills this process. Started by replace-files.test.ts. */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [root = "", state = "", fault = "", at = "", changes = ""] = process.argv.slice(2);

const { openJournal } = await import("../../src/assist/journal.ts");
const { NotReplacedError, replaceFiles } = await import("../../src/assist/replace-files.ts");
const journal = openJournal(state);

let calls = 0;
function strike(): void {
  calls += 1;
  if (calls !== Number(at)) return;
  if (fault === "kill") process.kill(process.pid, "SIGKILL");
  throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
}

for (const name of ["open", "rename", "link", "mkdir", "rm", "copyFile"] as const) {
  const real = fs[name];
  Object.assign(fs, {
    [name]: async (...words: readonly unknown[]) => {
      strike();
      return Reflect.apply(real, fs, words);
    },
  });
}
syncBuiltinESMExports();

try {
  const given: { path: string; before: string | null; after: string }[] = JSON.parse(changes);
  await replaceFiles(
    root,
    journal,
    given.map((change) => ({ ...change, before: change.before ?? undefined })),
    { command: "fix", now: new Date() },
  );
  console.log(calls < Number(at) ? "all calls done" : "done in spite of it");
} catch (error) {
  console.log(error instanceof NotReplacedError ? "refused" : "failed");
}
