# One image for all services: they share their libraries and run from source. Which one a container is, its command says.
FROM node:24.21.0-slim AS manifests
WORKDIR /parley
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY libs libs
COPY tools tools
# What decides about the packages; a change of anything else does not install them again.
RUN find apps libs tools -type f ! -name package.json -delete

FROM node:24.21.0-slim AS packages
WORKDIR /parley
COPY --from=manifests /parley ./
# The image has its own Node and needs no Postgres; neither is fetched.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force

FROM node:24.21.0-slim
WORKDIR /parley
ENV NODE_ENV=production
COPY --from=packages /parley ./
COPY apps apps
COPY libs libs
COPY tools/check-ready.js tools/check-ready.js
USER node
# Liveness never looks at the database; readiness does.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \
  CMD ["node", "tools/check-ready.js"]
STOPSIGNAL SIGTERM
EXPOSE 8080
