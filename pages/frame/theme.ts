import { signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark"] as const;
/** `auto` is as the system says. */
export type Theme = (typeof THEMES)[number];

const STORED_AS = "sluice-theme";

/** The theme that the reader chose. */
export const theme = signal<Theme>(readTheme());
/** Changes with every change of the colours, the system's too: for what is painted by hand, such as charts. */
export const paint = signal(0);

/** Applies the theme, and every later change of it. */
export function followTheme(): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => {
    paint.value += 1;
  };
  dark.addEventListener("change", repaint);
  const dispose = theme.subscribe((chosen) => {
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    localStorage.setItem(STORED_AS, chosen);
    paint.value = paint.peek() + 1;
  });
  return () => {
    dark.removeEventListener("change", repaint);
    dispose();
  };
}

function readTheme(): Theme {
  const stored = localStorage.getItem(STORED_AS);
  return THEMES.find((each) => each === stored) ?? "auto";
}

/** What a token's colour is now, as `rgb(…)`, for a canvas. */
export function colourOf(token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
