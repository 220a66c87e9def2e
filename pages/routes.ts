import type { ComponentType } from "preact";
import { PAGE_PATHS, type PagePath } from "../src/http/page-paths.ts";

/** A page: what its link says, and how its code is loaded. */
type Page = {
  readonly title: string;
  readonly load: () => Promise<{ readonly default: ComponentType }>;
  /** It goes on with another key; the others begin anew, since that key may see other things. */
  readonly outlivesKey?: boolean;
};

const PAGES: Readonly<Record<PagePath, Page>> = {
  "/": { title: "Now", load: () => import("./now/page.tsx") },
  "/chat": { title: "Chat", load: () => import("./chat/page.tsx"), outlivesKey: true },
  "/requests": { title: "Requests", load: () => import("./requests/page.tsx") },
  "/what-if": { title: "What if", load: () => import("./what-if/page.tsx") },
  "/batches": { title: "Batches", load: () => import("./batches/page.tsx") },
  "/models": { title: "Models", load: () => import("./models/page.tsx") },
  "/keys": { title: "Keys", load: () => import("./keys/page.tsx") },
};

export type PageRoute = Page & { readonly path: PagePath };

/** All pages, in the order of the navigation. */
export const ROUTES: readonly PageRoute[] = PAGE_PATHS.map((path) => ({ path, ...PAGES[path] }));
