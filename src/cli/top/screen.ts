import type { Output } from "../context.ts";

/** A terminal's screen, as programs have it that fill it: what was there before comes back at the end. */
export type Screen = {
  /** Shows these rows, and writes only what has changed. */
  readonly show: (rows: readonly string[]) => void;
  /** All is written again at the next `show`. */
  readonly forget: () => void;
  /** Gives the terminal back as it was. May be called again. */
  readonly close: () => void;
};

// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: the alternate screen, the cursor, and back.
const OPEN = "\u001b[?1049h\u001b[?25l\u001b[2J";
const CLOSE = "\u001b[?25h\u001b[?1049l";

export function openScreen(output: Output): Screen {
  let shown: readonly string[] = [];
  let isOpen = true;
  output.write(OPEN);
  return {
    show(rows) {
      if (!isOpen) return;
      const changes = Array.from({ length: Math.max(rows.length, shown.length) }, (_, at) => {
        const row = rows[at] ?? "";
        return row === (shown[at] ?? "") ? "" : `\u001b[${at + 1};1H${row}\u001b[K`;
      }).join("");
      shown = rows;
      if (changes !== "") output.write(changes);
    },
    forget() {
      shown = [];
      if (isOpen) output.write("\u001b[2J");
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      output.write(CLOSE);
    },
  };
}
