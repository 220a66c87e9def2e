# syntax=docker/dockerfile:1
# The gateway, for the CPU:
#   docker build -t sluice:0.1.0 .
# With llama.cpp's program for CUDA, on an image with CUDA's libraries (12 runs with older drivers than 13; both programs are installed):
#   docker build -t sluice:0.1.0-cuda --build-arg VARIANT=cuda --build-arg BASE_IMAGE=nvidia/cuda:12.9.1-runtime-ubuntu24.04 .
ARG BASE_IMAGE=debian:bookworm-slim

FROM node:24-bookworm-slim AS build
WORKDIR /opt/sluice
# Installed before the sources are copied: these change more often.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run pages && npm run build && npm prune --omit=dev --ignore-scripts
ARG VARIANT=cpu
# What a packed Sluice has, the programs that the variant needs, and no more.
RUN case "$VARIANT" in \
      cpu) rm -rf node_modules/@node-llama-cpp/*-cuda* node_modules/@node-llama-cpp/*-vulkan ;; \
      cuda) rm -rf node_modules/@node-llama-cpp/*-vulkan ;; \
      *) echo "VARIANT is cpu or cuda, not $VARIANT" >&2; exit 1 ;; \
    esac \
    && rm -rf node_modules/node-*/include node_modules/node-*/share \
    && mkdir -p /out/models /out/src /data/models /data/state \
    && mv package.json LICENSE bin dist build prompts node_modules /out/ \
    && mv models/catalogue.yaml models/sample-text.txt /out/models/ \
    && mv src/web /out/src/

# hadolint ignore=DL3006
FROM ${BASE_IMAGE}
COPY --from=build /out /opt/sluice
COPY --from=build --chown=1000:1000 /data /var/lib/sluice
ENV NODE_ENV=production HOME=/var/lib/sluice
# Models, state and settings of the working folder. The root can be read-only, with a tmpfs at /tmp.
WORKDIR /var/lib/sluice
VOLUME ["/var/lib/sluice"]
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 \
    CMD ["/opt/sluice/node_modules/.bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.SLUICE_PORT || 8080}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/opt/sluice/node_modules/.bin/node", "/opt/sluice/dist/main.js"]
# Other machines can reach it, so it starts only with a key: SLUICE_API_KEY, or one made by `keys create`.
CMD ["serve", "--host", "0.0.0.0"]
