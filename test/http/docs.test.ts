import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { routes as operations } from "../../src/http/routes.ts";
import { createTestApp } from "./support.ts";

describe("GET /openapi.json", () => {
  it("describes every route of the app, and no other", () => {
    const { app } = createTestApp({ settings: { mcp: true } });
    const routes = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`);
    const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(described.toSorted()).toEqual([...new Set(routes)].sort());
  });

  it("is served as JSON", async () => {
    const response = await createTestApp().app.request("/openapi.json");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await response.json()).toMatchObject({ openapi: "3.1.0", servers: [{ url: "/" }] });
  });

  it("knows where the gateway is mounted", async () => {
    const host = new Hono().route("/llm", createTestApp().app);
    const response = await host.request("/llm/openapi.json");
    expect(await response.json()).toMatchObject({ servers: [{ url: "/llm" }] });
  });
});

describe("the documentation", () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

  it("has every endpoint in the first table of docs/api.md", () => {
    const page = read("docs/api.md");
    const table = page.slice(page.indexOf("| endpoint |"), page.indexOf("Any other URL"));
    const named = new Set([...table.matchAll(/\/[\w/.-]*/g)].map(([path]) => path.replace(/(?<=.)\/$/, "")));
    const missing = operations.map(({ path }) => path.replace(/\/\{.*$/, "")).filter((path) => !named.has(path));
    expect(missing).toEqual([]);
  });
});

describe("the examples", () => {
  const folder = new URL("../../", import.meta.url);
  const shipped = readdirSync(new URL("prompts", folder)).flatMap((name) => /^([\w-]+)\.yaml$/.exec(name)?.[1] ?? []);
  const pages = readdirSync(new URL("docs", folder)).filter((name) => name.endsWith(".md"));
  const commands = ["batch", "pipe", "feed"].map((name) => `src/cli/${name}/commands.ts`);

  it.each(["README.md", ...pages.map((name) => `docs/${name}`), ...commands, "src/cli/preset-commands.ts"])(
    "of %s name presets that are shipped, or that are written there",
    (path) => {
      const text = readFileSync(new URL(path, folder), "utf8");
      const own = [...text.matchAll(/^\s*(?:id: |prompts\/)([a-z][\w-]*)(?:\.yaml)?$/gm)].map(([, id = ""]) => id);
      const named = [...text.matchAll(/(?:sluice.* --preset[ =]|[?&]preset=|"preset\/|sluice run )([a-z][\w-]*)/g)];
      expect(named.map(([, id = ""]) => id).filter((id) => ![...shipped, ...own].includes(id))).toEqual([]);
    },
  );
});

describe("GET /docs", () => {
  async function fetchPage() {
    const response = await createTestApp().app.request("/docs");
    return { response, html: await response.text() };
  }

  it("is one page with its style and script in it", async () => {
    const { response, html } = await fetchPage();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
    expect(html).toMatch(/<style>[^<]+<\/style>/);
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html).not.toMatch(/<!--/);
  });

  it("sends no requests to other servers, which its policy enforces", async () => {
    const { response, html } = await fetchPage();
    expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toContain("unsafe");
  });

  it.each(["style", "script"])("lets its own %s run and no other", async (kind) => {
    const { response, html } = await fetchPage();
    const texts = [...html.matchAll(new RegExp(`<${kind}[^>]*>(.*?)</${kind}>`, "gs"))].map(([, text = ""]) => text);
    const hashes = texts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    const sources = response.headers.get("content-security-policy")?.split("; ");
    expect(sources).toContain(`${kind}-src ${hashes.join(" ")}`);
  });
});
