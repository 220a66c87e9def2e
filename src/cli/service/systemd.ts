import { join } from "node:path";
import { MARK, type Manager, type Scope, type Service } from "./service.ts";

/** The unit of systemd. https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html */
const UNIT = "sluice.service";

/** Where the machine's service keeps its models and its state, below systemd's folder for that. */
export const STATE_FOLDER = "/var/lib/sluice";

/** @param configHome the user's folder for settings, such as `~/.config` */
export function systemd(scope: Scope, configHome: string): Manager {
  const systemctl = (...words: string[]) => ["systemctl", ...(scope === "user" ? ["--user"] : []), ...words];
  return {
    name: "systemd",
    path: join(scope === "user" ? join(configHome, "systemd/user") : "/etc/systemd/system", UNIT),
    write: writeUnit,
    begin: [systemctl("daemon-reload"), systemctl("enable", UNIT), systemctl("restart", UNIT)],
    end: [systemctl("disable", "--now", UNIT)],
    forget: [systemctl("daemon-reload")],
    state: systemctl("is-active", UNIT),
  };
}

function writeUnit(service: Service): string {
  const isSystem = service.scope === "system";
  return `# ${MARK}, and removed by \`sluice service remove\`. Your own changes belong into a drop-in, which stays:
# systemctl${isSystem ? "" : " --user"} edit ${UNIT}
[Unit]
Description=Sluice, a gateway in front of language models
${isSystem ? "Wants=network-online.target\nAfter=network-online.target\n" : ""}# After five failures in two minutes it stays stopped.
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart=${service.command.map(quote).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
WorkingDirectory=${escapeSpecifiers(service.folder)}
EnvironmentFile=-${escapeSpecifiers(service.environmentFile)}
Restart=on-failure
RestartSec=2
# Wrong settings don't become right by another start.
RestartPreventExitStatus=2
# Running answers end first; the models' processes end with the gateway.
KillMode=mixed
TimeoutStopSec=${service.stopSeconds}
${isSystem ? systemHardening(service) : userHardening()}
[Install]
WantedBy=${isSystem ? "multi-user.target" : "default.target"}
`;
}

/** What works without root, also where users may make no namespaces. `MemoryDenyWriteExecute` can't be had: Node compiles while it runs. */
const EVERYWHERE = `UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
`;

function userHardening(): string {
  return EVERYWHERE;
}

function systemHardening({ hasLowPort, usesGpu, gpuGroups }: Service): string {
  const port = "CAP_NET_BIND_SERVICE";
  return `# A user of its own, which may write to nothing but its folder.
DynamicUser=yes
StateDirectory=sluice
StateDirectoryMode=0700
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
${usesGpu ? gpuDevices(gpuGroups) : "PrivateDevices=yes\n"}ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RemoveIPC=yes
KeyringMode=private
CapabilityBoundingSet=${hasLowPort ? `${port}\nAmbientCapabilities=${port}` : ""}
${EVERYWHERE}`;
}

/** NVIDIA's, AMD's and Intel's, by the names that their drivers have in /proc/devices. */
function gpuDevices(groups: readonly string[]): string {
  const drivers = ["nvidia", "nvidia-frontend", "nvidiactl", "nvidia-uvm", "nvidia-caps", "drm", "kfd"];
  const allowed = drivers.map((driver) => `DeviceAllow=char-${driver} rw\n`).join("");
  return `# No devices but GPUs; with \`gpu: off\` in the settings, none.
DevicePolicy=closed
${allowed}${groups.length === 0 ? "" : `SupplementaryGroups=${groups.join(" ")}\n`}`;
}

/** A word of a command line: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines */
function quote(word: string): string {
  const escaped = escapeSpecifiers(word).replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, "\\$&")}"`;
}

function escapeSpecifiers(text: string): string {
  return text.replaceAll("%", "%%");
}
