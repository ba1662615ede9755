using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>
/// The XML comments that the compiler leaves beside an assembly, read when a document is asked for. The framework's source generator
/// reads those of the project in which <c>AddOpenApi</c> stands, which is this one, and of methods only; ours stand on the slice's class.
/// </summary>
internal static partial class XmlComments
{
    private static readonly ConcurrentDictionary<Assembly, Dictionary<string, XElement>> Files = new();

    internal static XmlComment Of(Type type) => Comment(Find(type.Assembly, $"T:{NameOf(type)}")?.Element("summary"), null);

    internal static XmlComment Of(MethodInfo method) => Comment(Find(method)?.Element("summary"), null);

    /// <summary>The comment of a method's parameter.</summary>
    internal static XmlComment Of(MethodInfo method, string parameter) => Comment(Parameter(Find(method), parameter), null);

    /// <summary>
    /// The comment of a property; of a positional record's, the type's comment on its parameter. A name means the same in all of a
    /// service, so its example is given once.
    /// </summary>
    internal static XmlComment Of(PropertyInfo property)
    {
        var type = property.DeclaringType!;
        var comment = Find(type.Assembly, $"P:{NameOf(type)}.{property.Name}") is { } own
            ? Comment(own.Element("summary"), own.Element("example"))
            : Comment(Parameter(Find(type.Assembly, $"T:{NameOf(type)}"), property.Name), null);
        return comment with { Example = comment.Example ?? ExampleOfAnother(type.Assembly, property.Name) };
    }

    private static string? ExampleOfAnother(Assembly assembly, string name) => Members(assembly)
        .Where(m => m.Key.EndsWith("." + name, StringComparison.Ordinal) && m.Key.StartsWith("P:", StringComparison.Ordinal))
        .Concat(Members(assembly).Where(m => m.Key.StartsWith("T:", StringComparison.Ordinal)))
        .OrderBy(m => m.Key, StringComparer.Ordinal)
        .Select(m => m.Key.StartsWith("P:", StringComparison.Ordinal) ? m.Value.Element("example") : Parameter(m.Value, name)?.Element("example"))
        .FirstOrDefault(example => example is not null)?.Value.Trim();

    private static XElement? Parameter(XElement? member, string name) =>
        member?.Elements("param").FirstOrDefault(p => (string?)p.Attribute("name") == name);

    private static XmlComment Comment(XElement? text, XElement? example) =>
        new(text is null || Plain(text) is not { Length: > 0 } words ? null : words, (example ?? text?.Element("example"))?.Value.Trim());

    // Handlers have no overloads, so the name finds the one.
    private static XElement? Find(MethodInfo method)
    {
        var name = $"M:{NameOf(method.DeclaringType!)}.{method.Name}";
        return Members(method.DeclaringType!.Assembly).FirstOrDefault(m => m.Key == name || m.Key.StartsWith(name + "(", StringComparison.Ordinal)).Value;
    }

    private static XElement? Find(Assembly assembly, string name) => Members(assembly).GetValueOrDefault(name);

    private static string? NameOf(Type type) => (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName?.Replace('+', '.');

    private static Dictionary<string, XElement> Members(Assembly assembly) => Files.GetOrAdd(assembly, static assembly =>
    {
        var file = Path.ChangeExtension(assembly.Location, ".xml");
        return File.Exists(file)
            ? XDocument.Load(file).Descendants("member").ToDictionary(m => (string)m.Attribute("name")!)
            : [];
    });

    private static string Plain(XElement comment) => Blank().Replace(string.Concat(comment.Nodes().Select(Plain)), " ").Trim();

    private static string Plain(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "example" } => "",
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement element when (string?)(element.Attribute("cref") ?? element.Attribute("name") ?? element.Attribute("langword")) is { } named =>
            $"`{named.Split('.', ':')[^1]}`",
        XElement element => Plain(element),
        _ => "",
    };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}

/// <summary>What a comment says, as Markdown, and the example that it gives.</summary>
internal readonly record struct XmlComment(string? Text, string? Example)
{
    /// <summary>The example as JSON: text where the schema is text.</summary>
    internal JsonNode? ExampleFor(JsonSchemaType? type) => Example switch
    {
        null => null,
        _ when type is { } known && known.HasFlag(JsonSchemaType.String) => JsonValue.Create(Example),
        _ => JsonNode.Parse(Example),
    };
}
