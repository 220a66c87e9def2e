import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import type { Backend } from "../generation/backend.ts";
import type { AskWhatIf } from "../http/routes/what-if.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { RequestBook } from "../telemetry/requests/book.ts";
import { costOfRecord } from "../telemetry/requests/encode.ts";
import type { RequestRecord } from "../telemetry/requests/record.ts";
import type { Simulator } from "../what-if/apart.ts";
import type { LoggedRequest, Setting } from "../what-if/log.ts";

export type WhatIfOptions = {
  readonly requests: RequestBook;
  readonly models: ModelDirectory;
  readonly config: () => Config;
};

/** Answers how the last requests would have been served by another setting. The simulator is read when it is first asked. */
export function createWhatIf({ requests, models, config }: WhatIfOptions): AskWhatIf {
  let simulator: Simulator | undefined;
  return async ({ model: name, ...changes }, signal) => {
    const records = requests.list();
    const model = name === undefined ? busiestOf(records, models) : models.find(name);
    if (model === undefined) return { type: "unknown_model" };
    if (model.upstream !== undefined) return { type: "upstream", model: model.id };
    const log = logOf(records, model);
    const today = settingFor(config(), model);
    if (log.length === 0) return { type: "answered", model: model.id, log, today, changed: today, answer: undefined };
    const changed = { ...today, ...changes };
    simulator ??= (await import("../what-if/apart.ts")).createSimulator();
    return {
      type: "answered",
      model: model.id,
      log,
      today,
      changed,
      answer: await simulator.ask({ log, today, changed }, signal),
    };
  };
}

/** The model on this machine that was asked most. */
function busiestOf(records: readonly RequestRecord[], models: ModelDirectory): Backend | undefined {
  const counts = new Map<string, number>();
  for (const { model, stages } of records) {
    if (model !== undefined && stages.length > 0) counts.set(model, (counts.get(model) ?? 0) + 1);
  }
  const own = models.list().filter(({ upstream, can }) => upstream === undefined && can.text);
  return own.toSorted((one, other) => (counts.get(other.id) ?? 0) - (counts.get(one.id) ?? 0))[0];
}

function settingFor(config: Config, { id, aliases }: Backend): Setting {
  const { slots, minSlots, targetItlMs, replicas, maxPending, maxPendingTokens, maxWaitMs } = settingsOf(config, [
    id,
    ...aliases,
  ]);
  return {
    ...{ slots, minSlots, targetItlMs, maxPending, maxPendingTokens, maxWaitMs },
    ...{ replicas, spill: undefined, traffic: 1 },
  };
}

/** The requests that a model's engine has answered, the oldest first: only these have times to learn from. */
function logOf(records: readonly RequestRecord[], model: Backend): readonly LoggedRequest[] {
  return records.flatMap((record) => (record.model === model.id ? (loggedOf(record, model) ?? []) : [])).toReversed();
}

function loggedOf(record: RequestRecord, model: Backend): LoggedRequest | undefined {
  const { id, stages, firstMs, startedMs, wait, loadMs, state, session, choices } = record;
  const [stage] = stages;
  if (stage === undefined || firstMs === undefined || state !== "done") return undefined;
  const tenant = record.tenant ?? "local";
  return {
    atMs: startedMs,
    tenant,
    class: record.class ?? "default",
    // Without one each request may go anywhere.
    session: session === undefined ? id : `${tenant}\n${session}`,
    promptTokens: record.promptTokens,
    prefillTokens: stage.prefillTokens,
    completionTokens: Math.max(1, record.completionTokens),
    choices,
    maxTokens: record.maxTokens,
    // Models are not loaded in a simulation.
    firstTokenMs: Math.max(0, firstMs - startedMs - loadMs),
    waitMs: Math.max(0, (wait?.ms ?? 0) - loadMs),
    // With all that came between, such as a time set aside, since the simulation has that too.
    prefillMs: Math.max(0, firstMs - (wait?.untilMs ?? startedMs)),
    decodeMs: Math.max(0, Math.max(...stages.map(({ endMs }) => endMs)) - firstMs),
    others: record.others ?? 0,
    cost: costOfRecord(record, model.costOf)?.money,
  };
}
