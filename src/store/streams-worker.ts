/** The thread that writes streams to the state file, so that no request waits for the disk. */
import { parentPort, workerData } from "node:worker_threads";
import { createDatabase } from "./database.ts";
import { isRunning } from "./processes.ts";
import { createStreamStore } from "./streams.ts";
import type { FromWriter, ToWriter, WriterData } from "./streams-apart.ts";

// The gateway itself has made the data and the messages.
const { file, pid } = workerData as WriterData;
const database = createDatabase(file, () => {});
const store = createStreamStore(database, { pid, isAlive: isRunning, now: Date.now });

parentPort?.on("message", (told: ToWriter) => {
  let answer: FromWriter = "done";
  try {
    if (told === "close") {
      database.close();
      parentPort?.close();
    } else {
      store.write(told);
    }
  } catch (error) {
    answer = { problem: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
