namespace EasySmart.ServiceDefaults;

/// <summary>The service's resource name, kebab-case: in DNS, metrics, queues and as the audience of internal identities.</summary>
public sealed record ServiceName(string Value);
