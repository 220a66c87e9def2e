/** A thread for one simulation, so that requests don't wait for it. */
import { parentPort, workerData } from "node:worker_threads";
import { answerWhatIf, type Question } from "./answer.ts";

// The gateway itself has made the question.
parentPort?.postMessage(answerWhatIf(workerData as Question));
