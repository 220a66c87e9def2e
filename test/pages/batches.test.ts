import { describe, expect, it } from "vitest";
import {
  type AnthropicBatch,
  fromAnthropic,
  fromOpenAi,
  type OpenAiBatch,
  withLive,
} from "../../pages/batches/batch.ts";
import { endpointOf } from "../../pages/batches/first-line.ts";

const RUNNING: OpenAiBatch = {
  ...{ id: "batch_1", created_at: 1_000, endpoint: "/v1/chat/completions", model: null, status: "in_progress" },
  ...{ errors: null, output_file_id: null, error_file_id: null },
  request_counts: { total: 10, completed: 3, failed: 1 },
  ...{ completed_at: null, failed_at: null, expired_at: null, cancelled_at: null },
  sluice: { requests_per_second: 0.5, eta_seconds: 12, paused: null },
};

const MESSAGES: AnthropicBatch = {
  ...{ id: "msgbatch_1", created_at: "2026-11-29T10:00:00Z", ended_at: null, processing_status: "in_progress" },
  request_counts: { processing: 5, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
  results_url: null,
};

describe("a batch on its page", () => {
  it("has its pace while it runs, and its files once it has ended", () => {
    expect(fromOpenAi(RUNNING)).toMatchObject({
      ...{ status: "in progress", completed: 3, failed: 1, total: 10, perSecond: 0.5, leftMs: 12_000 },
      ...{ endedMs: undefined, files: [], cancelPath: "/v1/batches/batch_1/cancel" },
    });
    const { sluice: _, ...rest } = RUNNING;
    const ended = {
      ...rest,
      status: "completed",
      completed_at: 1_060,
      output_file_id: "file-1",
      error_file_id: "file-2",
    };
    expect(fromOpenAi(ended)).toMatchObject({
      ...{ endedMs: 1_060_000, perSecond: undefined },
      files: [
        { label: "Answers", path: "/v1/files/file-1/content", name: "batch_1.jsonl" },
        { label: "Errors", path: "/v1/files/file-2/content", name: "batch_1-errors.jsonl" },
      ],
    });
  });

  it("says in which line and field a failed one is wrong", () => {
    const data = [
      { message: "This is not JSON.", param: null, line: 2 },
      { message: "It is missing.", param: "body", line: 3 },
      { message: "There is no such file.", param: null, line: null },
    ];
    expect(fromOpenAi({ ...RUNNING, status: "failed", failed_at: 1_001, errors: { data } }).errors).toEqual([
      "line 2: This is not JSON.",
      "line 3, body: It is missing.",
      "There is no such file.",
    ]);
  });

  it("is the same in Anthropic's form", () => {
    expect(fromAnthropic(MESSAGES)).toMatchObject({ total: 5, completed: 0, failed: 0, endedMs: undefined, files: [] });
    const ended: AnthropicBatch = {
      ...{ ...MESSAGES, ended_at: "2026-11-29T10:01:00Z", processing_status: "ended" },
      request_counts: { processing: 0, succeeded: 3, errored: 1, canceled: 0, expired: 1 },
      results_url: "http://elsewhere/v1/messages/batches/msgbatch_1/results",
    };
    expect(fromAnthropic(ended)).toMatchObject({
      ...{ total: 5, completed: 3, failed: 2 },
      // By the page's own way to the gateway, wherever that says it is.
      files: [{ label: "Results", path: "/v1/messages/batches/msgbatch_1/results" }],
    });
  });

  it("is as the gateway told it last while it runs, and as the list has it afterwards", () => {
    const told = {
      ...{ id: "batch_1", key: "laptop", endpoint: "/v1/chat/completions", model: "m", status: "in_progress" },
      request_counts: { total: 10, completed: 6, failed: 1 },
      ...{ requests_per_second: 1, eta_seconds: 3, paused: "The disk is full." },
      upstream: { name: "cloud", requests: 8 },
    };
    const shown = withLive(fromOpenAi(RUNNING), told);
    expect(shown).toMatchObject({ completed: 6, perSecond: 1, leftMs: 3_000, paused: "The disk is full.", model: "m" });
    expect(shown.upstream).toBe("cloud");
    const ended = fromOpenAi({ ...RUNNING, status: "completed", completed_at: 1_060 });
    expect(withLive(ended, told)).toBe(ended);
    expect(withLive(ended, undefined)).toBe(ended);
  });
});

describe("a file that shall become a batch", () => {
  it("says where its requests go by its first line", async () => {
    const line = JSON.stringify({ custom_id: "1", method: "POST", url: "/v1/embeddings", body: {} });
    expect(await endpointOf(new Blob([`\n${line}\n${line}`]))).toBe("/v1/embeddings");
  });

  it.each(["", "\n \n", "id,text\n1,Hello", "[1]", "null", '{"url": 3}'])("is refused: %j", async (text) => {
    await expect(endpointOf(new Blob([text]))).rejects.toThrow(/^The (file has no lines|first line is no request)\./);
  });
});
