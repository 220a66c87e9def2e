import type { OverloadBuffer } from "../../items/overload.ts";
import { parseReference } from "../../prompts/reference.ts";
import type { GatewayClient } from "../gateway-client.ts";
import { checkModel, checkPreset, referenceOf } from "../run-preset.ts";
import type { AnsweringFlags } from "./flags.ts";
import { lineOf, type PipeItem } from "./items.ts";
import { answerAll, type SessionOptions } from "./session.ts";

type Result = Parameters<SessionOptions["onResult"]>[1];

export type TargetsOptions = Pick<SessionOptions, "say" | "signal"> & {
  readonly client: GatewayClient;
  readonly buffer: OverloadBuffer<PipeItem>;
  readonly options: AnsweringFlags;
  readonly order: "input" | "completion";
  /** Called for each item's answer or failure, once. `target` is who had it if it didn't fit. */
  readonly onResult: (item: PipeItem, result: Result, target: string | undefined) => Promise<void>;
};

/** Throws a CommandError if the gateway doesn't have what is to answer. */
export async function checkTargets(client: GatewayClient, { preset, spill }: AnsweringFlags): Promise<void> {
  await checkPreset(client, preset);
  if (spill === undefined) return;
  if (parseReference(spill) === undefined) await checkModel(client, spill);
  else await checkPreset(client, spill);
}

/** Has the buffer's items answered by the preset, and those that don't fit by the other target. If one of both fails, both end. */
export async function answerByTargets(targets: TargetsOptions): Promise<void> {
  const { client, buffer, options, order, onResult, say, signal } = targets;
  const { preset, spill, inFlight, class: priority } = options;
  const failing = new AbortController();
  const shared = { limit: inFlight, say, signal: AbortSignal.any([signal, failing.signal]) };
  const destination = (query: Readonly<Record<string, string>>) =>
    client.destination(
      `/v1/stream?${new URLSearchParams({ ...query, in_flight: String(inFlight), class: priority, order })}`,
    );
  const sessions: SessionOptions[] = [
    {
      ...{ ...shared, take: buffer.take, lineOf, destination: destination({ preset }) },
      onResult: (item, result) => onResult(item, result, undefined),
    },
  ];
  if (spill !== undefined) {
    sessions.push({
      ...{ ...shared, take: buffer.takeSpilled, lineOf: (item) => spilledLineOf(item, preset, spill) },
      // A chat completion names a preset in place of a model. A response has room for both.
      destination: destination({ endpoint: "/v1/responses" }),
      onResult: (item, result) => onResult(item, result, spill),
    });
  }
  const answering = sessions.map(async (session) => {
    try {
      await answerAll(new Map(), session);
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(answering);
  await Promise.all(answering);
}

function spilledLineOf({ number, input, variables }: PipeItem, preset: string, spill: string): string {
  const isPreset = parseReference(spill) !== undefined;
  const prompt = { ...referenceOf(isPreset ? spill : preset), ...(variables && { variables }) };
  const body = { prompt, ...(!isPreset && { model: spill }), store: false };
  return JSON.stringify({ id: number, ...(input !== undefined && { input }), body });
}
