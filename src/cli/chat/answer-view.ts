import type { CliContext } from "../context.ts";
import { escapeAllButLayout } from "../controls.ts";
import { paintFor } from "../style.ts";
import { createLiveRows } from "./live-rows.ts";
import { renderMarkdown } from "./markdown.ts";

/** Text that comes faster is drawn together, which is kind to slow lines. */
const DRAW_MS = 40;

/** An answer on a terminal, as it grows. */
export type AnswerView = {
  /** Of what a model thinks before it answers. */
  readonly addThought: (text: string) => void;
  readonly add: (text: string) => void;
  /** Draws what is left. What comes next stands below. */
  readonly pause: () => void;
  /** Draws what is left, for the last time. */
  readonly end: () => void;
};

/** Renders an answer as Markdown on the terminal. What would move its cursor or change its colours is made visible. */
export function createAnswerView(context: CliContext): AnswerView {
  const { stdout } = context;
  const paint = paintFor(stdout, context);
  const live = createLiveRows(stdout);
  let thought = "";
  let answer = "";
  let timer: NodeJS.Timeout | undefined;

  const draw = () => {
    clearTimeout(timer);
    timer = undefined;
    // A character in the last column makes some terminals wrap.
    const columns = Math.max(10, (stdout.columns ?? 80) - 1);
    const thoughts =
      thought.trim() === "" ? [] : renderMarkdown(escapeAllButLayout(thought.trim()), columns - 2, (_, words) => words);
    const shown = renderMarkdown(escapeAllButLayout(answer), columns, paint);
    const gap = thoughts.length > 0 && shown.length > 0 ? [""] : [];
    live.show([...thoughts.map((row) => paint("dim", `  ${row}`)), ...gap, ...shown]);
  };
  const later = () => {
    timer ??= setTimeout(draw, DRAW_MS);
  };
  const settle = () => {
    draw();
    live.settle();
    thought = "";
    answer = "";
  };
  stdout.on("resize", later);
  return {
    addThought(text) {
      thought += text;
      later();
    },
    add(text) {
      answer += text;
      later();
    },
    pause: settle,
    end() {
      stdout.off("resize", later);
      settle();
    },
  };
}
