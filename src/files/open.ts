import type { State } from "../store/state.ts";
import type { Files, FolderFiles } from "./files.ts";

export type OpenFilesOptions = {
  readonly state: Pick<State, "fileIndex">;
  /** The state file's path, or `:memory:`. */
  readonly stateFile: string;
  readonly maxFileBytes: number;
  readonly maxTenantBytes: number;
  /** Whether something else than a row refers to a file, such as a batch that writes it. */
  readonly isReferred?: (id: string) => boolean;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Files that are opened when they are first used. */
export type OpenFiles<Opened extends Files = Files> = {
  readonly open: () => Promise<Opened>;
  readonly close: () => Promise<void>;
};

const TIDY_EVERY_MS = 60 * 60 * 1000;

/** The code and the folder are opened at the first use, since few gateways store files. From then on what expires is removed. */
export function openFiles(options: OpenFilesOptions): OpenFiles<FolderFiles> {
  let opened: Promise<FolderFiles> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function load(): Promise<FolderFiles> {
    const [{ createFiles }, { openFileFolder }] = await Promise.all([import("./files.ts"), import("./folder.ts")]);
    const { state, stateFile, now } = options;
    const folder = openFileFolder({ stateFile, now });
    const files = createFiles({ ...options, folder, index: state.fileIndex });
    void files.tidy();
    if (!isClosed) timer = setInterval(() => void files.tidy(), TIDY_EVERY_MS).unref();
    return files;
  }

  return {
    open() {
      opened ??= load();
      return opened;
    },
    async close() {
      isClosed = true;
      const files = await opened;
      clearInterval(timer);
      files?.close();
    },
  };
}
