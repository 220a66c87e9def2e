import { fetchJson, send } from "../api/fetch.ts";

/** Uploads a file, and begins a batch with it. */
export async function startBatch(file: File, endpoint: string, window: string): Promise<void> {
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", file, file.name);
  const { id } = await fetchJson<{ id: string }>("/v1/files", { method: "POST", form });
  try {
    const body = { input_file_id: id, endpoint, completion_window: window };
    await send("/v1/batches", { method: "POST", body });
  } catch (error) {
    // Nobody needs it then.
    await send(`/v1/files/${encodeURIComponent(id)}`, { method: "DELETE" }).catch(() => {});
    throw error;
  }
}
