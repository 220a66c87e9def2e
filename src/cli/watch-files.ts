import { statSync } from "node:fs";
import { dirname } from "node:path";
import { watchFolder } from "../prompts/watch.ts";

export type WatchFilesOptions = {
  /** Absolute. Asked for again after each change. */
  readonly files: () => readonly string[];
  readonly onChange: () => void;
  /** Called if a folder can't be watched, or no longer. */
  readonly onError: (error: unknown) => void;
  readonly watch?: typeof watchFolder;
};

/**
 * Calls `onChange` shortly after one of the files was written or replaced. Their folders are watched, since editors and Kubernetes put another
 * file in the place of the old one. Returns a function that stops it.
 */
export function watchFiles({ files, onChange, onError, watch = watchFolder }: WatchFilesOptions): () => void {
  let stops: readonly (() => void)[] = [];
  let stamps = new Map<string, string>();

  function begin(): void {
    for (const stop of stops) stop();
    const paths = files();
    stamps = new Map(paths.map((path) => [path, stampOf(path)]));
    stops = [...new Set(paths.map((path) => dirname(path)))].map((folder) =>
      watch({ folder, onChange: look, onError }),
    );
  }

  function look(): void {
    if ([...stamps].every(([path, stamp]) => stampOf(path) === stamp)) return;
    onChange();
    begin();
  }

  begin();
  return () => {
    for (const stop of stops) stop();
  };
}

/** A text that changes when the file is replaced or its contents change. Links are followed. */
function stampOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "gone" : `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}
