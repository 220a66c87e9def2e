import { expect, test, vi } from "vitest";
import { createGenerationStream } from "../../../src/engine/host/generation-stream.ts";

function createBench() {
  const onStart = vi.fn();
  const onClose = vi.fn();
  const { writer, reader } = createGenerationStream({ onStart, onClose });
  return { onStart, onClose, writer, iterator: reader[Symbol.asyncIterator](), reader };
}

const text = (value: string) => ({ done: false, value: { type: "text", choice: 0, text: value } });
const END = { done: true, value: undefined };

test("nothing starts before the first event is requested", async () => {
  const { onStart, iterator, writer } = createBench();
  expect(onStart).not.toHaveBeenCalled();
  const first = iterator.next();
  expect(onStart).toHaveBeenCalledOnce();
  writer.text(0, "a");
  expect(await first).toEqual(text("a"));
});

test("a reader that left before the first event never starts anything", async () => {
  const { onStart, onClose, iterator } = createBench();
  expect(await iterator.return?.()).toEqual(END);
  expect(await iterator.next()).toEqual(END);
  expect(onStart).not.toHaveBeenCalled();
  expect(onClose).not.toHaveBeenCalled();
});

test("a waiting reader gets each text as it comes, then the end, and closes once", async () => {
  const { onClose, writer, iterator } = createBench();
  for (const word of ["a", "b"]) {
    const next = iterator.next();
    writer.text(0, word);
    expect(await next).toEqual(text(word));
  }
  const last = iterator.next();
  writer.end();
  expect(await last).toEqual(END);
  expect(await iterator.next()).toEqual(END);
  expect(onClose).toHaveBeenCalledOnce();
});

test("a failure comes after the text that was written before it", async () => {
  const { onClose, writer, iterator } = createBench();
  const first = iterator.next();
  writer.text(0, "a");
  await first;
  writer.text(0, "b");
  writer.fail(new Error("broken"));
  expect(onClose).not.toHaveBeenCalled();
  expect(await iterator.next()).toEqual(text("b"));
  await expect(iterator.next()).rejects.toThrow("broken");
  expect(await iterator.next()).toEqual(END);
  expect(onClose).toHaveBeenCalledOnce();
});

test("an abort comes before unread text", async () => {
  const { onClose, writer, iterator } = createBench();
  const first = iterator.next();
  writer.text(0, "a");
  await first;
  writer.text(0, "never seen");
  writer.abort(new Error("gone"));
  expect(onClose).toHaveBeenCalledOnce();
  await expect(iterator.next()).rejects.toThrow("gone");
  expect(await iterator.next()).toEqual(END);
});

test("an abort wakes the reader that waits", async () => {
  const { writer, iterator } = createBench();
  const first = iterator.next();
  writer.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
});

test("leaving while an event is awaited frees everything at once", async () => {
  const { onClose, writer, iterator } = createBench();
  const pending = iterator.next();
  const left = iterator.return?.();
  expect(onClose).toHaveBeenCalledOnce();
  expect(await pending).toEqual(END);
  expect(await left).toEqual(END);
  writer.text(0, "late");
  writer.fail(new Error("late"));
  expect(await iterator.next()).toEqual(END);
});

test("several events requested at once come in order", async () => {
  const { writer, iterator } = createBench();
  const asked = [iterator.next(), iterator.next(), iterator.next()];
  writer.text(0, "a");
  writer.text(0, "b");
  writer.end();
  expect(await Promise.all(asked)).toEqual([text("a"), text("b"), END]);
});

test("the writer learns how much text is unread", async () => {
  const { writer, iterator } = createBench();
  const first = iterator.next();
  expect(writer.text(0, "abc")).toBe(0);
  expect(writer.text(0, "de")).toBe(2);
  expect(writer.text(0, "f")).toBe(3);
  await first;
  expect(await iterator.next()).toEqual(text("def"));
  expect(writer.text(0, "g")).toBe(1);
});

test("log-probabilities come even without text", async () => {
  const { writer, iterator } = createBench();
  const first = iterator.next();
  const logprobs = [{ token: 1, bytes: [97], logprob: -1, top: [] }];
  writer.text(0, "", logprobs);
  expect(await first).toEqual({ done: false, value: { type: "text", choice: 0, text: "", logprobs } });
});

test("breaking out of a for-await loop closes the stream", async () => {
  const { onClose, writer, reader } = createBench();
  queueMicrotask(() => writer.text(0, "a"));
  for await (const event of reader) {
    expect(event).toEqual({ type: "text", choice: 0, text: "a" });
    break;
  }
  expect(onClose).toHaveBeenCalledOnce();
});
