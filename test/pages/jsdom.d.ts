/** What is used of jsdom. Its own types would give the whole checkout those of a browser, since vitest's name them. */
declare module "jsdom" {
  export class JSDOM {
    constructor(html: string);
    readonly window: Window & typeof globalThis;
  }
}
