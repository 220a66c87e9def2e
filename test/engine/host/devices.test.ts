import { describe, expect, it } from "vitest";
import { seeing } from "../../../src/engine/host/worker-child.ts";

describe("a worker that is given GPUs", () => {
  it("sees these only, as nvidia-smi counts them", () => {
    expect(seeing(["0", "2"], {})).toEqual({
      ...{ CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: "0,2" },
      ...{ HIP_VISIBLE_DEVICES: "0,2", GGML_VK_VISIBLE_DEVICES: "0,2" },
    });
  });

  it("sees only some of those that the gateway sees", () => {
    const env = { CUDA_VISIBLE_DEVICES: "4, GPU-8932f937" };
    expect(seeing(["1"], env)).toMatchObject({ CUDA_VISIBLE_DEVICES: "GPU-8932f937", HIP_VISIBLE_DEVICES: "1" });
    // No other one instead.
    expect(seeing(["2"], env)).toMatchObject({ CUDA_VISIBLE_DEVICES: "-1" });
  });
});
