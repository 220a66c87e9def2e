import type { CostOf } from "../generation/cost.ts";
import { UpstreamError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Replay, Terms } from "../generation/terms.ts";
import type { Reply } from "./channel.ts";
import { brokenAnswer, failureOf } from "./failures.ts";
import { JSON_BODY, parse } from "./messages.ts";
import { passWhole } from "./pass-on.ts";
import type { UpstreamServer } from "./server.ts";

/** The events of an answer that the server has given in a batch, in the order of one that is asked for now. Nothing is asked. */
export async function* replay(
  server: UpstreamServer,
  request: GenerationRequest,
  answer: Replay,
  costOf: CostOf,
): AsyncGenerator<GenerationEvent, undefined> {
  const { api, passing, settings, source } = server;
  const { verbatim } = request;
  const upstream = settings.name;
  assertAnswered(server, answer);
  const reader = api.read(request, source);
  const options = {
    request,
    reader,
    upstream,
    costOf: (work: Parameters<CostOf>[0]) => costOf({ ...work, isBatch: true }),
  };
  const { note, isComplete, end } =
    verbatim === undefined || passing === undefined
      ? { ...reader, note: (text: string) => reader.note({ data: parse(upstream, text) }) }
      : passWhole({ ...options, passing, verbatim });
  yield* note(answer.body).map(inBatch);
  if (!isComplete()) throw brokenAnswer(upstream, "gave an empty answer");
  yield* end().map(inBatch);
  return undefined;
}

/** What asks the server, or has its answer already. */
export function askerOf(server: UpstreamServer, terms: Terms | undefined): UpstreamServer["ask"] {
  const answer = terms?.replay;
  if (answer === undefined) return server.ask;
  return async (_, begin) => {
    assertAnswered(server, answer);
    return begin(replyOf(answer));
  };
}

/** Throws what the server said in the place of an answer. */
function assertAnswered({ source }: UpstreamServer, { status, body }: Replay): void {
  if (status >= 200 && status <= 299) return;
  throw new UpstreamError(failureOf(source, status, parse(source.name, body)));
}

function replyOf({ body }: Replay): Reply {
  async function* chunks() {
    yield new TextEncoder().encode(body);
  }
  return { contentType: JSON_BODY, header: () => undefined, chunks: chunks() };
}

function inBatch(event: GenerationEvent): GenerationEvent {
  return event.type === "usage" ? { ...event, isBatch: true } : event;
}
