# The image of the operator and of the workloads: one program.
#
#   docker build --tag usher:0.1.0 --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# scripts/image.sh builds the last stage of this same file without a network: it hands in the stage `build` as a folder
# that holds the program, and a base of the same libraries by RUNTIME_IMAGE.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/base-nossl-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# The dependencies alone first, under an empty program: this layer stays until they change.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it && touch src/lib.rs tests/it/main.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked && rm -r src
COPY src src
# Cargo goes by the time of files, and these may be older than what was built of the empty ones.
# The base has glibc 2.36, which knows packed relocations: a megabyte less.
RUN touch src/lib.rs src/main.rs && cargo rustc --release --locked --bin usher -- -Clink-arg=-Wl,-z,pack-relative-relocs \
    && mv target/release/usher / && cp "$(cc -print-file-name=libgcc_s.so.1)" /

FROM ${RUNTIME_IMAGE}
ARG RUNTIME_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Usher" \
      org.opencontainers.image.description="Connects Microsoft Entra ID to a platform: people arrive by SCIM, all of it declared in YAML" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}"
# The one library that the base lacks.
COPY --from=build /libgcc_s.so.1 /usr/lib/
COPY --from=build /usher /
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/usher"]
