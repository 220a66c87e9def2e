import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Remote, type RemoteBatch, RemoteError, type Target } from "../../../src/batch/elsewhere/remote.ts";

const request = z.object({ custom_id: z.string(), url: z.string(), body: z.record(z.string(), z.unknown()) });

type Request = z.infer<typeof request>;

type Work = Omit<RemoteBatch, "outputFile" | "errorFile"> & {
  readonly tag: string;
  readonly createdMs: number;
  outputFile: string | undefined;
  errorFile: string | undefined;
  polls: number;
};

export type Behaviour = {
  /** The lines of the output and the error file for a request; one that is answered in the usual way by default. */
  readonly answer?: (request: Request) => { readonly output?: readonly string[]; readonly error?: readonly string[] };
  /** How often it is asked until it has ended. */
  readonly polls?: number;
  /** What it ends as. */
  readonly endsAs?: (batch: Pick<Work, "tag">) => Pick<RemoteBatch, "status"> & Partial<RemoteBatch>;
  /** Called before and after what a call does; may throw, or never return. */
  readonly step?: (call: keyof Remote, when: "before" | "after") => Promise<void>;
};

export function resultLine(customId: string, body: object, status = 200): string {
  return JSON.stringify({
    ...{ id: `batch_req_${randomUUID()}`, custom_id: customId, error: null },
    response: { status_code: status, request_id: "req_there", body },
  });
}

export function expiredLine(customId: string): string {
  return JSON.stringify({
    id: "x",
    custom_id: customId,
    response: null,
    error: { code: "batch_expired", message: "" },
  });
}

/** A server with files and batches, which outlives those that ask it. */
export function fakeServer(behaviour: Behaviour = {}) {
  const files = new Map<string, { readonly name: string; readonly text: string }>();
  const batches = new Map<string, Work>();
  const heard: string[] = [];
  const usual: NonNullable<Behaviour["answer"]> = ({ custom_id: id, body }) => ({
    output: [resultLine(id, { by: "there", n: body.n })],
  });
  const server = { behaviour, files, batches, heard, remote: () => remote };

  function addFile(name: string, text: string): string {
    const id = `file-${randomUUID()}`;
    files.set(id, { name, text });
    return id;
  }

  /** Puts down what is answered of a batch so far. */
  function end(batch: Work, as: Pick<RemoteBatch, "status"> & Partial<RemoteBatch>): void {
    const lines = (files.get(batch.inputFile)?.text ?? "").split("\n").filter((line) => line !== "");
    const { answer = usual } = server.behaviour;
    const results = lines.map((line) => answer(request.parse(JSON.parse(line))));
    const output = results.flatMap((result) => result.output ?? []);
    const error = results.flatMap((result) => result.error ?? []);
    const put = (part: string, all: readonly string[]) =>
      all.length === 0 ? undefined : addFile(`${batch.tag}-${part}`, `${all.join("\n")}\n`);
    const isWhole = as.status !== "failed";
    Object.assign(batch, {
      outputFile: isWhole ? put("output", output) : undefined,
      errorFile: isWhole ? put("error", error) : undefined,
      completed: isWhole ? output.length : 0,
      ...as,
    });
  }

  function find(id: string): Work {
    const batch = batches.get(id);
    if (batch === undefined) throw new RemoteError("gone", "There is no such batch.");
    return batch;
  }

  async function call<T>(name: keyof Remote, signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    signal.throwIfAborted();
    heard.push(name);
    await server.behaviour.step?.(name, "before");
    const answer = await work();
    await server.behaviour.step?.(name, "after");
    signal.throwIfAborted();
    return answer;
  }

  const remote: Remote = {
    upload: ({ name, bytes, chunks }, signal) =>
      call("upload", signal, async () => {
        const pieces: Uint8Array[] = [];
        for await (const chunk of chunks) pieces.push(chunk);
        const text = Buffer.concat(pieces).toString("utf8");
        if (Buffer.byteLength(text) !== bytes) throw new Error(`${bytes} bytes were announced.`);
        return addFile(name, text);
      }),
    findFiles: (name, signal) =>
      call("findFiles", signal, () => [...files].filter(([, file]) => file.name === name).map(([id]) => id)),
    removeFile: (id, signal) =>
      call("removeFile", signal, () => {
        if (!files.delete(id)) throw new RemoteError("gone", "There is no such file.");
      }),
    async *content(id, signal) {
      const text = await call("content", signal, () => files.get(id)?.text);
      if (text === undefined) throw new RemoteError("gone", "There is no such file.");
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.byteLength; at += 100) {
        await server.behaviour.step?.("content", "before");
        yield bytes.subarray(at, at + 100);
      }
    },
    create: ({ fileId, tag }, signal) =>
      call("create", signal, () => {
        if (!files.has(fileId)) throw new RemoteError("refused", "There is no such file.");
        const batch: Work = {
          ...{ id: `batch_${randomUUID()}`, status: "in_progress", inputFile: fileId, tag, createdMs: Date.now() },
          ...{ outputFile: undefined, errorFile: undefined, completed: 0, faults: [], polls: 0 },
        };
        batches.set(batch.id, batch);
        return { ...batch };
      }),
    find: (tag, _since, signal) =>
      call("find", signal, () => [...batches.values()].filter((batch) => batch.tag === tag).map((one) => ({ ...one }))),
    get: (id, signal) =>
      call("get", signal, () => {
        const batch = find(id);
        batch.polls += 1;
        const { polls = 2, endsAs = () => ({ status: "completed" }) } = server.behaviour;
        if (batch.status === "cancelling") end(batch, { status: "cancelled" });
        else if (batch.status === "in_progress" && batch.polls >= polls) {
          const as = endsAs(batch);
          if (as.status === "in_progress") Object.assign(batch, as);
          else end(batch, as);
        }
        return { ...batch };
      }),
    cancel: (id, signal) =>
      call("cancel", signal, () => {
        const batch = find(id);
        if (batch.status !== "in_progress") throw new RemoteError("refused", "It has ended.");
        Object.assign(batch, { status: "cancelling" });
      }),
  };
  return server;
}

export type FakeServer = ReturnType<typeof fakeServer>;

/** All requests go to this server, except those that say `alone`. */
export function targetAt(server: FakeServer) {
  const target: Target = {
    ...{ upstream: "there", id: "ours", model: "theirs" },
    write(body) {
      const fields: Record<string, unknown> = JSON.parse(body);
      return fields.alone === true ? undefined : JSON.stringify({ ...fields, model: "theirs" });
    },
  };
  return {
    targetFor: (): Target | "awaited" | undefined => target,
    remoteOf: (): Remote | undefined => server.remote(),
  };
}
