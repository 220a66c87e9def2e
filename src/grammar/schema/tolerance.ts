import type { JsonSchema } from "../../generation/request.ts";
import { stepPath, UnsupportedSchemaError } from "../errors.ts";
import { ExhaustedError } from "../limits.ts";

/** The most dropped keywords that are reported. */
const MAX_DROPPED = 1_000;

/** A keyword that no grammar can enforce, with its path and the reason. */
export type DroppedKeyword = { readonly path: string; readonly keyword: string; readonly reason: string };

/** Continues without what can't be enforced, and records it. The caller decides whether that is an error. */
export type Tolerance = {
  /** Records that `keyword` at `path` is not enforced. */
  readonly drop: (path: string, keyword: string, reason: string) => void;
  /** From now on, keywords dropped at `${path}.${keyword}` or below are reported as `keyword`, since the schema there was generated from it. */
  readonly rewrite: (path: string, keyword: string) => void;
  /** Returns the result of `make`. If it throws `UnsupportedSchemaError`, drops the keyword at `path` and returns `otherwise`. */
  readonly attempt: <T>(path: string, keyword: string, make: () => T, otherwise: T) => T;
  /** Returns the result of `make`; undefined if it throws `UnsupportedSchemaError`. Meanwhile, dropping a keyword throws. */
  readonly probe: <T>(make: () => T) => T | undefined;
  /** Records the schema at a path. */
  readonly note: (path: string, schema: JsonSchema) => void;
  /** The same for facts from schemas at several paths: a keyword is dropped at every path that has it. */
  readonly of: (paths: readonly string[]) => Tolerance;
  /** The number of keywords dropped so far. */
  readonly count: () => number;
  readonly dropped: () => readonly DroppedKeyword[];
};

export function createTolerance(): Tolerance {
  const dropped = new Map<string, DroppedKeyword>();
  const rewritten = new Map<string, { readonly path: string; readonly keyword: string }>();
  let probes = 0;

  function originOf(path: string, keyword: string): { readonly path: string; readonly keyword: string } {
    for (const [prefix, origin] of rewritten) {
      if (path.startsWith(prefix) && /^(?:[.[]|$)/.test(path.slice(prefix.length))) {
        return origin;
      }
    }
    return { path, keyword };
  }

  function drop(path: string, keyword: string, reason: string): void {
    if (probes > 0) {
      throw new UnsupportedSchemaError(path, keyword, reason);
    }
    const origin = originOf(path, keyword);
    const key = `${origin.path}\n${origin.keyword}`;
    if (!dropped.has(key) && dropped.size < MAX_DROPPED) {
      dropped.set(key, { ...origin, reason });
    }
  }
  function isTolerable(error: unknown): error is UnsupportedSchemaError {
    return error instanceof UnsupportedSchemaError && !(error instanceof ExhaustedError);
  }

  function createAttempt(dropIt: Tolerance["drop"]): Tolerance["attempt"] {
    return (path, keyword, make, otherwise) => {
      try {
        return make();
      } catch (error) {
        if (!isTolerable(error) || probes > 0) {
          throw error;
        }
        dropIt(path, keyword, error.reason);
        return otherwise;
      }
    };
  }

  const noted = new Map<string, JsonSchema>();
  function placesOf(paths: readonly string[], keyword: string): readonly string[] {
    return paths.filter((path) => {
      const schema = noted.get(path);
      return typeof schema === "object" && Object.hasOwn(schema, keyword);
    });
  }

  const tolerance: Tolerance = {
    drop,
    note: (path, schema) => void noted.set(path, schema),
    of(paths) {
      const dropAll = (path: string, keyword: string, reason: string) => {
        const places = placesOf(paths, keyword);
        for (const place of places.length === 0 ? [path] : places) {
          drop(place, keyword, reason);
        }
      };
      return { ...tolerance, drop: dropAll, attempt: createAttempt(dropAll) };
    },
    rewrite: (path, keyword) => void rewritten.set(stepPath(path, keyword), { path, keyword }),
    attempt: createAttempt(drop),
    probe(make) {
      probes += 1;
      try {
        return make();
      } catch (error) {
        if (isTolerable(error)) {
          return undefined;
        }
        throw error;
      } finally {
        probes -= 1;
      }
    },
    count: () => dropped.size,
    dropped: () => [...dropped.values()],
  };
  return tolerance;
}
