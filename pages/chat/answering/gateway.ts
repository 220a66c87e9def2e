import { ApiError, type ApiOptions, send } from "../../api/fetch.ts";
import { LostError, RefusedError } from "./stream.ts";

/** Sends a request to the gateway, and tells a refusal from a lost connection. */
export async function call(path: string, options: ApiOptions): Promise<Response> {
  try {
    return await send(path, options);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 0) throw new LostError(error.message, { cause: error });
    throw new RefusedError(error.keyReason ?? error.message, error.status, error.code ?? null);
  }
}
