import type { DescMethod, DescMessage, DescService } from '@bufbuild/protobuf';
import {
  createConnectRouter,
  createServiceImplSpec,
  type ConnectRouter,
  type ConnectRouterOptions,
} from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import type { AccessPolicy, MethodAccess } from './access-policy.ts';

/** Registers services on a router, as generated code and its users know it. */
export type Routes = (router: ConnectRouter) => void;

/** A method as the edge serves it. */
export interface ServedMethod {
  /** `service/Method`. */
  readonly name: string;
  readonly access: MethodAccess;
  readonly handler: UniversalHandler;
}

/** `service/Method`, as in the access policy and in paths. */
export function methodNameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** Everything that is served, by path. */
export interface RegisteredMethods {
  readonly byPath: ReadonlyMap<string, ServedMethod>;
  readonly services: readonly DescService[];
  readonly inputs: readonly DescMessage[];
}

/**
 * Runs `routes` against a router that gives every method the options it is to be served with.
 * @throws Error naming every method that the policy says nothing about.
 */
export function registerMethods(
  routes: Routes,
  policy: AccessPolicy,
  optionsOf: (method: DescMethod, access: MethodAccess) => ConnectRouterOptions,
): RegisteredMethods {
  const byPath = new Map<string, ServedMethod>();
  const services = new Set<DescService>();
  const inputs = new Set<DescMessage>();
  const unnamed: string[] = [];

  const register: ConnectRouter['rpc'] = (method, implementation, options) => {
    const name = methodNameOf(method);
    const access = policy[name] ?? policy[method.parent.typeName];
    if (access === undefined) {
      unnamed.push(name);
      return router;
    }
    // A router of its own, so that its handler is known to be this method's.
    const [handler] = createConnectRouter({ ...optionsOf(method, access), ...options }).rpc(
      method,
      implementation,
    ).handlers;
    if (handler !== undefined) {
      byPath.set(`/${name}`, { name, access, handler });
    }
    services.add(method.parent);
    inputs.add(method.input);
    return router;
  };

  const router: ConnectRouter = {
    handlers: [],
    rpc: register,
    service(service, implementation, options) {
      for (const { method, impl } of Object.values(createServiceImplSpec(service, implementation).methods)) {
        register(method, impl, options);
      }
      return router;
    },
  };
  routes(router);
  if (unnamed.length > 0) {
    throw new Error(`The access policy says nothing about ${unnamed.join(', ')}; say who may call it.`);
  }
  return { byPath, services: [...services], inputs: [...inputs] };
}
