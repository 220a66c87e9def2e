import { describe, expect, it } from "vitest";
import { readGauges, readLoadReport } from "../../src/upstream/gauges.ts";
import { answerWith, mockUpstream } from "../fixtures/mock-upstream.ts";
import { collect, openUpstream } from "./support.ts";

const NAMES = { waiting: "vllm:num_requests_waiting", running: "vllm:num_requests_running" };
const PAGE = `# HELP vllm:num_requests_waiting Number of requests waiting.
vllm:num_requests_waiting{engine="0",model_name="one"} 3.0
vllm:num_requests_waiting{engine="1",model_name="one"} 1.0
vllm:num_requests_waiting{engine="0",model_name="two"} 50.0
vllm:num_requests_running{model_name="one"} NaN
`;

describe("the gauges of an upstream", () => {
  it("are sums over a model's samples, and unknown where there are none", () => {
    expect(readGauges(PAGE, NAMES, "one")).toEqual({ waiting: 4, running: undefined });
    expect(readGauges("vllm:num_requests_running 2\n", NAMES, "one")).toEqual({ waiting: undefined, running: 2 });
    expect(readGauges("<html>", NAMES, "one")).toEqual({ waiting: undefined, running: undefined });
  });

  it("are read from a report with an answer, with or without vLLM's prefix", () => {
    const both = { waiting: 3, running: 2 };
    expect(readLoadReport("TEXT named_metrics.num_requests_waiting=3, named_metrics.num_requests_running=2")).toEqual(
      both,
    );
    expect(readLoadReport("text num_requests_waiting=3,num_requests_running=2")).toEqual(both);
    expect(readLoadReport('JSON {"named_metrics": {"num_requests_waiting": 3, "num_requests_running": 2}}')).toEqual(
      both,
    );
    expect(readLoadReport("TEXT named_metrics.kv_cache_usage_perc=0.4, named_metrics.num_requests_waiting=0")).toEqual({
      waiting: 0,
      running: undefined,
    });
  });

  it("are unknown where a report says nothing that can be read", () => {
    for (const report of [
      "",
      "TEXT",
      "TEXT a=b",
      "JSON {",
      "JSON null",
      "JSON []",
      'JSON {"num_requests_waiting":"3"}',
    ])
      expect(readLoadReport(report)).toBeUndefined();
    expect(readLoadReport("TEXT num_requests_waiting=-1")).toBeUndefined();
    expect(readLoadReport(`TEXT ${"a=1,".repeat(10_000)}num_requests_waiting=1`)).toBeUndefined();
  });

  it("come with each answer of a server that reports them, and are then not read from its metrics", async () => {
    const mock = await mockUpstream((response, heard) => {
      response.setHeader("endpoint-load-metrics", "TEXT named_metrics.num_requests_waiting=7");
      return answerWith(["Hello"])(response, heard);
    });
    const { backend, server } = openUpstream(mock.url, { kind: "vllm" });
    await collect(backend);
    expect(mock.posts()[0]?.headers["endpoint-load-metrics-format"]).toBe("TEXT");
    expect(backend.workload()?.waiting).toBe(7);
    expect(mock.heard.filter(({ path }) => path === "/metrics")).toHaveLength(0);
    await server.close();
    await mock.close();
  });

  it("are not asked for where a server is not known to report them", async () => {
    const mock = await mockUpstream(answerWith(["Hello"]));
    const { backend, server } = openUpstream(mock.url, { kind: "openai" });
    await collect(backend);
    expect(mock.posts()[0]?.headers).not.toHaveProperty("endpoint-load-metrics-format");
    await server.close();
    await mock.close();
  });

  it("are part of the workload of its models", async () => {
    const mock = await mockUpstream((response, heard) => {
      if (heard.path !== "/metrics") return answerWith(["Hello"])(response, heard);
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(PAGE);
    });
    const { backend, server } = openUpstream(mock.url, { kind: "vllm" });
    await expect.poll(() => backend.workload()?.waiting).toBe(4);
    // The page is not read again for each look.
    expect(mock.heard).toHaveLength(1);
    await server.close();
    await mock.close();
  });
});
