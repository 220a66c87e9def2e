/**
 * The result of a check. A `note` is neutral; a `warning` is about something that works and could be better; a `problem` prevents Sluice from
 * serving.
 */
export type CheckLevel = "good" | "note" | "warning" | "problem";

/** One line of the doctor's report. */
export type Check = {
  /** What was checked, in a word or two. */
  readonly name: string;
  readonly level: CheckLevel;
  readonly message: string;
  /** What to do, in the imperative; set for every problem and warning. */
  readonly advice?: string;
};

export function good(name: string, message: string): Check {
  return { name, level: "good", message };
}

export function note(name: string, message: string): Check {
  return { name, level: "note", message };
}

export function warning(name: string, message: string, advice: string): Check {
  return { name, level: "warning", message, advice };
}

export function problem(name: string, message: string, advice: string): Check {
  return { name, level: "problem", message, advice };
}

/** Whether no check found a problem. */
export function canServe(checks: readonly Check[]): boolean {
  return !checks.some(({ level }) => level === "problem");
}
