import { z } from "zod";
import type { Either } from "../store/shelf.ts";
import type { UploadRecord, UploadStore } from "../store/uploads.ts";
import { uploadName } from "./names.ts";
import { numberOf, wordsOf } from "./replies.ts";
import { PENDING_BYTES, SET_UPLOAD } from "./scripts.ts";
import type { SharedStore } from "./store.ts";

export type SharedUploadsOptions = {
  readonly store: SharedStore;
  readonly tenant: string;
  /** The time in Unix ms. */
  readonly now: () => number;
};

const schema = z.strictObject({
  tenant: z.string(),
  upload: z.strictObject({
    id: z.string(),
    createdMs: z.number(),
    endsMs: z.number(),
    status: z.enum(["pending", "completed", "cancelled"]),
    bytes: z.number(),
    filename: z.string(),
    purpose: z.string(),
    lifeMs: z.number().nullable(),
    parts: z.array(z.strictObject({ id: z.string(), bytes: z.number() })),
    file: z.string().nullable(),
  }),
});

/** How long one that has ended can be looked up. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** The uploads of one tenant, in Redis: each a text, which is replaced only if nobody else has replaced it. */
export function createSharedUploads({ store, tenant, now }: SharedUploadsOptions): Either<UploadStore> {
  async function read(id: string) {
    const bytes = await store.get(uploadName(id));
    if (bytes === undefined) return undefined;
    const text = bytes.toString();
    const read = schema.parse(JSON.parse(text));
    return read.tenant === tenant ? { text, upload: read.upload } : undefined;
  }

  async function set(before: string, upload: UploadRecord): Promise<boolean> {
    const after = JSON.stringify({ tenant, upload });
    // What has come is counted with the files.
    const coming = upload.status === "pending" ? upload.bytes - sum(upload.parts) : 0;
    const words = [uploadName(upload.id), before, after, KEPT_MS, tenant, upload.id, coming, upload.endsMs];
    return (await store.call(SET_UPLOAD, ...words)) === 1;
  }

  /** Returns whether the upload was pending, and `next` had something to replace it by. */
  async function change(id: string, next: (upload: UploadRecord) => UploadRecord | undefined): Promise<boolean> {
    for (;;) {
      const known = await read(id);
      if (known === undefined || known.upload.status !== "pending" || known.upload.endsMs <= now()) return false;
      const changed = next(known.upload);
      if (changed === undefined) return false;
      if (await set(known.text, changed)) return true;
    }
  }

  return {
    async add(upload) {
      await set("", upload);
    },
    get: async (id) => (await read(id))?.upload,
    addPart: (id, part) =>
      change(id, (upload) => {
        const parts = [...upload.parts, part];
        return sum(parts) > upload.bytes ? undefined : { ...upload, parts };
      }),
    end: (id, status, file) => change(id, (upload) => ({ ...upload, status, file, parts: [] })),
    pendingBytes: async () => numberOf(wordsOf([await store.call(PENDING_BYTES, tenant, now())])[0]),
  };
}

function sum(parts: UploadRecord["parts"]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0);
}
