/** The SVG elements that the plots need. Colours are readable on white and on dark, for pages of either kind. */
export const COLOURS = {
  good: "#2e9e5b",
  bad: "#d1495b",
  plain: "#4c78a8",
  other: "#e08a2c",
  faint: "#8a8f98",
  text: "#6b7280",
} as const;

/** A whole SVG file. The title is its accessible name. */
export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const style = `font-family="system-ui, sans-serif" font-size="12" fill="${COLOURS.text}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${style}><title>${escapeXml(title)}</title>\n${parts.join("\n")}\n</svg>\n`;
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escapeXml(content));
}

export function rect(x: number, y: number, width: number, height: number, attributes: Attributes): string {
  return element("rect", { x, y, width, height, ...attributes });
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return element("line", { x1, y1, x2, y2, ...attributes });
}

export function circle(cx: number, cy: number, r: number, attributes: Attributes): string {
  return element("circle", { cx, cy, r, ...attributes });
}

type Attributes = Readonly<Record<string, string | number>>;

function element(name: string, attributes: Attributes, content?: string): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => `${key}="${typeof value === "number" ? round(value) : escapeXml(value)}"`,
  );
  const open = `<${name} ${written.join(" ")}`;
  return content === undefined ? `${open}/>` : `${open}>${content}</${name}>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Where a value lies between two bounds, by its logarithm, as a place between two ends. Values beyond are put at the ends. */
export function logScale(from: number, to: number, start: number, end: number): (value: number) => number {
  const [low, high] = [Math.log(from), Math.log(to)];
  return (value) => {
    const share = (Math.log(value) - low) / (high - low);
    return start + Math.min(1, Math.max(0, share)) * (end - start);
  };
}

export function linearScale(from: number, to: number, start: number, end: number): (value: number) => number {
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}
