import {
  createRegistry,
  toBinary,
  type DescFile,
  type DescService,
  type MessageInitShape,
  type Registry,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import type {
  ServerReflection,
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from '@parley/contracts/grpc/reflection/v1/reflection';

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

/** Reflection over these services and everything that their files import; they are asked for at the first question. */
export function createReflectionService(
  servicesNow: () => readonly DescService[],
): ServiceImpl<typeof ServerReflection> {
  let described: Described | undefined;

  function answer({ messageRequest: question }: ServerReflectionRequest): Answer {
    described ??= describe(servicesNow());
    const { names, byName, registry } = described;
    switch (question.case) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: names.map((name) => ({ name })) } };
      case 'fileByFilename':
        return fileAnswer(byName.get(question.value), `file ${question.value}`);
      case 'fileContainingSymbol':
        return fileAnswer(fileOfSymbol(registry, question.value), `symbol ${question.value}`);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = question.value;
        return fileAnswer(
          extensionsOf(registry, containingType).find(({ number }) => number === extensionNumber)?.file,
          `extension ${extensionNumber} of ${containingType}`,
        );
      }
      case 'allExtensionNumbersOfType': {
        if (registry.getMessage(question.value) === undefined) {
          return notFound(`message ${question.value}`);
        }
        const extensionNumber = extensionsOf(registry, question.value).map(({ number }) => number);
        return {
          case: 'allExtensionNumbersResponse',
          value: { baseTypeName: question.value, extensionNumber: extensionNumber.sort((a, b) => a - b) },
        };
      }
      case undefined:
        return {
          case: 'errorResponse',
          value: { errorCode: Code.InvalidArgument, errorMessage: 'The request asks nothing.' },
        };
    }
  }

  /** A file with all that it imports, so that clients need not come back for each. */
  function fileAnswer(file: DescFile | undefined, what: string): Answer {
    if (file === undefined) {
      return notFound(what);
    }
    return {
      case: 'fileDescriptorResponse',
      value: {
        fileDescriptorProto: withImports(file).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)),
      },
    };
  }

  return {
    async *serverReflectionInfo(questions) {
      for await (const question of questions) {
        yield { validHost: question.host, originalRequest: question, messageResponse: answer(question) };
      }
    },
  };
}

interface Described {
  readonly names: readonly string[];
  readonly byName: ReadonlyMap<string, DescFile>;
  readonly registry: Registry;
}

function describe(services: readonly DescService[]): Described {
  const files = [...new Set(services.flatMap(({ file }) => withImports(file)))];
  return {
    names: services.map(({ typeName }) => typeName).sort(),
    byName: new Map(files.map((file) => [file.proto.name, file])),
    registry: createRegistry(...files),
  };
}

function notFound(what: string): Answer {
  return { case: 'errorResponse', value: { errorCode: Code.NotFound, errorMessage: `There is no ${what}.` } };
}

function withImports(file: DescFile): readonly DescFile[] {
  const files = new Set<DescFile>();
  const add = (next: DescFile): void => {
    if (!files.has(next)) {
      files.add(next);
      next.dependencies.forEach(add);
    }
  };
  add(file);
  return [...files];
}

/** The file of a message, enum, service, extension, or of a method, field, oneof or enum value by its full name. */
function fileOfSymbol(registry: Registry, symbol: string): DescFile | undefined {
  const name = symbol.replace(/^\./, '');
  const whole = registry.get(name);
  if (whole !== undefined) {
    return whole.file;
  }
  const cut = name.lastIndexOf('.');
  const parent = registry.get(name.slice(0, Math.max(cut, 0)));
  const member = name.slice(cut + 1);
  switch (parent?.kind) {
    case 'service':
      return parent.methods.some((method) => method.name === member) ? parent.file : undefined;
    case 'message':
      return [...parent.fields, ...parent.oneofs].some((part) => part.name === member)
        ? parent.file
        : undefined;
    default:
      return undefined;
  }
}

function extensionsOf(registry: Registry, typeName: string) {
  return [...registry]
    .filter((type) => type.kind === 'extension')
    .filter(({ extendee }) => extendee.typeName === typeName);
}
