import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "test/wanted-node.ts",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/integration/**", "test/clients/**", "test/kafka/**"],
          // These tests share no state, so files share a process: a third of the time.
          isolate: false,
          // Property tests are bound by the processor, which may be busy with others.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // What is waited for comes at once, or never: the usual second is a race on a busy machine.
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "test/clients/**/*.test.ts"],
          globalSetup: "test/integration/global-setup.ts",
          setupFiles: "test/integration/hold-to-descriptions.ts",
          // One engine has the machine to itself: files run one after another.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      {
        // Apart from `npm test`: Java and 43 MB from Maven Central come before its first test.
        test: {
          name: "kafka",
          include: ["test/kafka/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
});
