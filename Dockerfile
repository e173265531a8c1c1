# The image of every role: web, worker, scheduler and the commands. What runs in it cannot write to its own program,
# is not root, and carries neither compiler nor tests.
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app

# No package of ours needs its install script, so none is run.
FROM base AS dependencies
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM base AS build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY dev/build.ts ./dev/build.ts
COPY src ./src
RUN npm run build

FROM base AS runtime
# A container's own loopback is reached by nobody: who may come in is decided where its port is published.
ENV NODE_ENV=production HOST=0.0.0.0
# package.json tells Node that dist/ holds modules, and the user agent its version. The pages and mails are in templates/.
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY templates ./templates
# The only places that are written to: a named volume mounted here takes over their owner.
RUN install --directory --owner=node --group=node --mode=700 .data .data-state outbox state
USER node
EXPOSE 3000
# Of whatever runs here: its website, or the heartbeat of a worker or scheduler.
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 CMD ["node", "dist/cli.js", "healthcheck"]
# In this form signals reach Node itself, and any command can follow: docker compose run --rm worker status
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["start"]
