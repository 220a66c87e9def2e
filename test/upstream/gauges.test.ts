import { describe, expect, it } from "vitest";
import { readGauges } from "../../src/upstream/gauges.ts";
import { answerWith, mockUpstream } from "../fixtures/mock-upstream.ts";
import { openUpstream } from "./support.ts";

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
