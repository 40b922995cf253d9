# syntax=docker/dockerfile:1
# One image, one program: the role is chosen by the command line. Built from the repository's root.

FROM node:20-bookworm-slim AS clients
WORKDIR /src/clients
COPY clients/package.json clients/package-lock.json clients/.npmrc ./
COPY clients/sdk/package.json sdk/
COPY clients/ui/package.json ui/
COPY clients/kitchen/package.json kitchen/
COPY clients/e2e/package.json e2e/
RUN --mount=type=cache,target=/root/.npm npm install --no-save --no-audit --no-fund
COPY clients ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS program
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The gateway embeds what the clients' stage built.
COPY --from=clients /src/clients/kitchen/dist clients/kitchen/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked -p muster && install -D target/dist/muster /out/muster && install -d /out/data

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Muster" org.opencontainers.image.licenses="AGPL-3.0-only"
COPY --from=program /out/muster /usr/local/bin/muster
# A folder that the unprivileged user may write, for the shop that runs on SQLite.
COPY --from=program --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
ENV MUSTER_DATA_DIR=/data
VOLUME /data
EXPOSE 8080 7001 7002 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/usr/local/bin/muster", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/muster"]
CMD ["serve"]
