import { ModelNotFoundError } from "../generation/errors.ts";
import { parsePreset } from "./parse.ts";
import type { Preset } from "./preset.ts";
import { PresetError } from "./preset.ts";
import { type ReadResult, readPresetFolder } from "./read-folder.ts";
import { PRESET_PREFIX, type PresetReference } from "./reference.ts";

/** The required part of a logger. */
export type PresetLog = {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
};

/** The presets of a folder, each in its last valid version. */
export type PresetLibrary = {
  /** All presets, by id. */
  readonly list: () => readonly Preset[];
  /** Throws `ModelNotFoundError` for an unknown preset or version. */
  readonly find: (reference: PresetReference) => Preset;
  /** Changes whenever a preset may have changed. */
  readonly edition: () => object;
  /** Reads the folder again. Broken presets are logged and keep their last valid version. Never rejects. */
  readonly reload: () => Promise<void>;
};

/** The presets of a folder, which can be taken over all or none. */
export type FolderPresets = PresetLibrary & {
  /** Reads the folder again, to take all presets over at once. Throws a `PresetError` with every problem in any preset; nothing has changed then. */
  readonly prepare: () => Promise<PreparedPresets>;
};

/** Presets that may come into force. */
type PreparedPresets = {
  readonly changes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly string[];
  };
  readonly commit: () => void;
};

type Entry = { readonly text: string; readonly preset: Preset };
type Outcome = Entry | PresetError;

/**
 * Reads every preset of `folder`; `shownFolder` is for messages.
 * @throws PresetError with every problem in any preset
 */
export async function openPresetLibrary(options: {
  readonly folder: string;
  readonly shownFolder: string;
  readonly log: PresetLog;
  /** Called with the ids of added and changed presets. */
  readonly onChange?: (ids: readonly string[]) => void;
}): Promise<FolderPresets> {
  const { folder, shownFolder, log, onChange } = options;
  let entries = toEntries(await readOutcomes(new Map()));
  let reloading = Promise.resolve();

  async function readOutcomes(before: ReadonlyMap<string, Entry>): Promise<ReadonlyMap<string, Outcome>> {
    const files = await readPresetFolder(folder, shownFolder);
    return new Map(files.map((file) => [file.name, parse(file, before.get(file.name))]));
  }

  function replace(next: ReadonlyMap<string, Entry>): void {
    const before = entries;
    entries = next;
    const changed = [...entries].filter(([name, entry]) => entry !== before.get(name)).map(([name]) => name);
    if (changed.length > 0) onChange?.(changed);
  }

  async function reload(): Promise<void> {
    try {
      const before = entries;
      replace(takeOver(before, await readOutcomes(before), log));
    } catch (error) {
      log.error({ err: error }, "the presets can't be reloaded: all keep their last valid version");
    }
  }

  const list = () => Array.from(entries.values(), ({ preset }) => preset);
  return {
    list,
    find: (reference) => findPreset(list(), reference),
    edition: () => entries,
    reload() {
      // One at a time: a slow reload must not undo a later one.
      reloading = reloading.then(reload);
      return reloading;
    },
    async prepare() {
      const before = entries;
      const next = toEntries(await readOutcomes(before));
      return {
        changes: {
          added: [...next.keys()].filter((name) => !before.has(name)),
          removed: [...before.keys()].filter((name) => !next.has(name)),
          changed: [...next]
            .filter(([name, entry]) => before.has(name) && before.get(name) !== entry)
            .map(([name]) => name),
        },
        commit() {
          // The watched folder may have been read meanwhile; what is read later goes before.
          if (entries === before) replace(next);
        },
      };
    },
  };
}

/** Creates a library of presets that never change. */
export function fixedPresets(presets: readonly Preset[]): PresetLibrary {
  return {
    list: () => presets,
    find: (reference) => findPreset(presets, reference),
    edition: () => presets,
    reload: async () => {},
  };
}

function parse(file: ReadResult, before: Entry | undefined): Outcome {
  if ("error" in file) return file.error;
  if (before?.text === file.text) return before;
  try {
    return { text: file.text, preset: parsePreset(file.text, file) };
  } catch (error) {
    if (error instanceof PresetError) return error;
    throw error;
  }
}

function toEntries(outcomes: ReadonlyMap<string, Outcome>): ReadonlyMap<string, Entry> {
  const problems = [...outcomes.values()].flatMap((outcome) =>
    outcome instanceof PresetError ? outcome.problems : [],
  );
  if (problems.length > 0) throw new PresetError(problems);
  return new Map([...outcomes].flatMap(([name, outcome]) => (outcome instanceof PresetError ? [] : [[name, outcome]])));
}

/** Returns the valid presets of `outcomes`, and the previous version of each broken one. */
function takeOver(
  before: ReadonlyMap<string, Entry>,
  outcomes: ReadonlyMap<string, Outcome>,
  log: PresetLog,
): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [name, outcome] of outcomes) {
    const old = before.get(name);
    if (outcome instanceof PresetError) {
      const consequence = old === undefined ? "it is not served" : "its last valid version stays in use";
      log.error({ preset: name, problems: outcome.problems }, `the preset is broken: ${consequence}`);
      if (old !== undefined) entries.set(name, old);
      continue;
    }
    entries.set(name, outcome);
    if (outcome !== old) {
      log.info(
        { preset: name, version: outcome.preset.version },
        `the preset was ${old === undefined ? "added" : "changed"}`,
      );
    }
  }
  for (const name of before.keys()) {
    if (!outcomes.has(name)) log.info({ preset: name }, "the preset was removed");
  }
  return entries;
}

function findPreset(presets: readonly Preset[], { id, version }: PresetReference): Preset {
  const named = presets.filter((preset) => preset.id === id);
  const found = named.find((preset) => version === undefined || version === preset.version);
  if (found !== undefined) return found;
  const toName = (name: string, of: string | undefined) => `${PRESET_PREFIX}${name}${of === undefined ? "" : `@${of}`}`;
  throw new ModelNotFoundError(
    toName(id, version),
    (named.length > 0 ? named : presets).map((preset) => toName(preset.id, version && preset.version)),
  );
}
