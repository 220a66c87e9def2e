/** Presets or evaluations that can't be used. Its message lists every problem, one a line; each says where it was written. */
export class PresetError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The prompts can't be used:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "PresetError";
    this.problems = problems;
  }
}
