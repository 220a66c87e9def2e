/** The process behind `vocabulary.ts`: reads a model's vocabulary, without its weights, answers once and ends. */
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import type { VocabularyAnswer, VocabularyQuestion } from "./vocabulary.ts";

process.once("message", (question: VocabularyQuestion) => {
  void answer(question).then((answered) => process.send?.(answered, () => process.exit(0)));
});

async function answer({ modelPath, words }: VocabularyQuestion): Promise<VocabularyAnswer> {
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath, vocabOnly: true });
  const isOneToken = (text: string) =>
    model.tokenize(`and${text}`, false).length === 1 + model.tokenize("and", false).length;
  return {
    endTokens: Array.from(model.iterateAllTokens()).filter((token) => model.isEogToken(token)),
    singleTokenWords: words.filter((word) => isOneToken(` ${word}`)),
  };
}
