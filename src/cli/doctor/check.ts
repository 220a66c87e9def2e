/**
 * How a check ended. `note` is for what is neither good nor bad, `warning` for what works and could be better; a `problem` keeps
 * Sluice from serving.
 */
export type CheckLevel = "good" | "note" | "warning" | "problem";

/** One line of the doctor's findings. */
export type Check = {
  /** What was looked at, in a word or two. */
  readonly name: string;
  readonly level: CheckLevel;
  readonly message: string;
  /** What to do about it, as an order; with every problem and warning. */
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

/** Whether Sluice can serve, as far as these checks know. */
export function canServe(checks: readonly Check[]): boolean {
  return !checks.some(({ level }) => level === "problem");
}
