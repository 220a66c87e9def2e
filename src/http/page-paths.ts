/** Where the pages are, in the order of their navigation. Some are paths of the API, too: only browsers get a page there. */
export const PAGE_PATHS = ["/", "/chat", "/requests", "/what-if", "/batches", "/models", "/keys"] as const;

export type PagePath = (typeof PAGE_PATHS)[number];
