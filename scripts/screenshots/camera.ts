import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";

/** How a page is looked at. */
export type Look = { readonly name: string; readonly colorScheme: "light" | "dark"; readonly width: number };

export const LIGHT: Look = { name: "light", colorScheme: "light", width: 1280 };
export const DARK: Look = { name: "dark", colorScheme: "dark", width: 1280 };
export const LOOKS: readonly Look[] = [
  LIGHT,
  DARK,
  { name: "narrow", colorScheme: "light", width: 390 },
  { name: "wide", colorScheme: "dark", width: 2000 },
];

const HEIGHT = 900;

/** Opens a page with a key, and tells of what goes wrong on it. */
export async function open(
  browser: Browser,
  url: string,
  { colorScheme, width }: Look,
  key: string | undefined,
): Promise<Page> {
  const context = await browser.newContext({
    ...{ colorScheme, viewport: { width, height: HEIGHT } },
  });
  const page = await context.newPage();
  page.on("console", (message) => console.error(`${url}: ${message.text()}`));
  page.on("pageerror", (error) => console.error(`${url}: ${error.message}`));
  if (key !== undefined) await page.addInitScript(`sessionStorage.setItem("sluice-key", ${JSON.stringify(key)})`);
  await page.goto(url);
  return page;
}

/** Takes what is seen of a page as a WebP, which is a third of a PNG. */
export async function take(page: Page, folder: string, name: string): Promise<void> {
  const inspector = await page.context().newCDPSession(page);
  const { width, height } = page.viewportSize() ?? { width: 1280, height: HEIGHT };
  // As sharp as on most screens.
  const clip = { x: 0, y: 0, width, height, scale: 2 };
  const { data } = await inspector.send("Page.captureScreenshot", { format: "webp", quality: 50, clip });
  await writeFile(join(folder, `${name}.webp`), Buffer.from(data, "base64"));
}
