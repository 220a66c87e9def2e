import { type Check, type CheckLevel, canServe } from "./check.ts";

const MARKS: Readonly<Record<CheckLevel, string>> = { good: "✔", note: "–", warning: "!", problem: "✖" };

/** The report as text: a line for each check, the advice below it, and the verdict at the end. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(0, ...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, level, message, advice }, index) => {
    const shownName = checks[index - 1]?.name === name ? "" : name;
    const line = `${MARKS[level]} ${shownName.padEnd(width)}  ${message}`;
    return advice === undefined ? [line] : [line, `  ${" ".repeat(width)}  → ${advice}`];
  });
  return `${lines.join("\n")}\n\n${verdict(checks)}\n`;
}

function verdict(checks: readonly Check[]): string {
  const problems = checks.filter(({ level }) => level === "problem").length;
  const warnings = checks.filter(({ level }) => level === "warning").length;
  if (!canServe(checks)) return `Sluice can't serve here: ${count(problems, "problem")} found.`;
  return warnings === 0 ? "Sluice can serve here." : `Sluice can serve here; ${count(warnings, "warning")}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
