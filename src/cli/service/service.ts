/** Whose service it is: the user's own, or the machine's. */
export type Scope = "user" | "system";

/** What a service runs, and where. */
export type Service = {
  readonly scope: Scope;
  /** The program and its words. */
  readonly command: readonly string[];
  /** Where relative paths of the settings begin. */
  readonly folder: string;
  /** How long it may take to stop, in seconds. */
  readonly stopSeconds: number;
  /** Whether it listens on a port below 1024. */
  readonly hasLowPort: boolean;
  /** Whether it uses a GPU, if there is one. */
  readonly usesGpu: boolean;
  /** The groups of this machine that may use its GPUs. */
  readonly gpuGroups: readonly string[];
  /** A file with variables, such as keys; it may be missing. */
  readonly environmentFile: string;
  /** For macOS: the user as whom the machine's service runs. */
  readonly runAs: string | undefined;
  /** For macOS: where its log goes. */
  readonly logFile: string;
};

/** A system's manager of services. */
export type Manager = {
  readonly name: "systemd" | "launchd";
  /** Where the service's file belongs. */
  readonly path: string;
  /** The text of that file, with the mark in it. */
  readonly write: (service: Service) => string;
  /** The commands that take up a file that was written, and start the service. */
  readonly begin: readonly (readonly string[])[];
  /** Those that stop it, before the file is removed. */
  readonly end: readonly (readonly string[])[];
  /** Those that let the manager forget it, after that. */
  readonly forget: readonly (readonly string[])[];
  /** Prints its state; exits with 0 if it runs. */
  readonly state: readonly string[];
};

/** In the first lines of each file that Sluice writes; what lacks it is somebody else's. */
export const MARK = "Written by `sluice service install`";
