import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalPath, OPEN_PATHS, routes as operations } from "../../src/http/routes.ts";

const WORDS = [
  ..."v1 chat completions responses messages models embeddings rerank conversations admin usage cache health ready".split(
    " ",
  ),
  ..."ping docs openapi.json tokenize api x . .. %2e%2e %2F ; V1 __proto__ constructor".split(" "),
];
const path = fc.oneof(
  fc.array(fc.constantFrom(...WORDS, "", ""), { maxLength: 8 }).map((words) => `/${words.join("/")}`),
  fc.string({ unit: "binary" }).map((text) => `/${text}`),
);

describe("a path", () => {
  it.each([
    ["/", "/"],
    ["//", "/"],
    ["/v1", "/v1"],
    ["/v1/", "/v1"],
    ["/chat/completions", "/v1/chat/completions"],
    ["/v1/chat/completions/", "/v1/chat/completions"],
    ["//v1//chat/completions", "/v1/chat/completions"],
    ["/v1/v1/chat/completions", "/v1/chat/completions"],
    ["/v1/v1/v1/messages", "/v1/messages"],
    ["/responses/resp_1/cancel/", "/v1/responses/resp_1/cancel"],
    ["/rerank", "/v1/rerank"],
    ["/models", "/v1/models"],
    ["/v1/models/", "/v1/models"],
    ["/models//a//b/c:Q4/", "/v1/models/a//b/c:Q4"],
    ["/v1/models/v1", "/v1/models/v1"],
    ["/v1/health", "/health"],
    ["/ping", "/health"],
    ["/v1/tokenize", "/tokenize"],
    ["/v1/admin/usage", "/admin/usage"],
    ["/v1/api/tags", "/api/tags"],
    ["/v1/nowhere/", "/v1/nowhere"],
    ["/nowhere", "/nowhere"],
    ["/api/tags", "/api/tags"],
  ])("%s is %s", (sent, meant) => {
    expect(canonicalPath(sent)).toBe(meant);
  });

  it("of every route leads to that route, with or without the parts that clients add or omit", () => {
    for (const { path: own } of operations.filter(({ path: known }) => known !== "/rerank")) {
      const bare = own.replace(/^\/v1/, "");
      for (const sent of [own, `${own}/`, bare, `/v1${own}`, `/v1${bare}`, own.replaceAll("/", "//")]) {
        expect(canonicalPath(sent)).toBe(own);
      }
    }
  });

  it("is changed once and no more", () => {
    fc.assert(
      fc.property(path, (sent) => {
        const once = canonicalPath(sent);
        expect(canonicalPath(once)).toBe(once);
        expect(once).toMatch(/^\//);
      }),
    );
  });

  it("becomes an open path only when the client sent that path's own words", () => {
    fc.assert(
      fc.property(path, (sent) => {
        if (!OPEN_PATHS.includes(canonicalPath(sent))) return;
        const words = sent.split("/").filter((word) => word !== "");
        const meant = words.filter((word) => word !== "v1").map((word) => (word === "ping" ? "/health" : `/${word}`));
        expect(meant).toHaveLength(1);
        expect(OPEN_PATHS).toContain(meant[0]);
      }),
    );
  });
});
