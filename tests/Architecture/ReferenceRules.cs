using System.Text.Json;
using System.Xml.Linq;

namespace EasySmart.Architecture.Tests;

/// <summary>The walls of the house, read from the project files (architecture.md §1).</summary>
public sealed class ReferenceRules
{
    private static readonly string Root = FindRoot();

    public static TheoryData<string> Services =>
        [.. Directory.EnumerateFiles(Path.Combine(Root, "services"), "*.csproj", SearchOption.AllDirectories).Select(Relative), "gateway/EasySmart.Gateway.csproj"];

    public static TheoryData<string> Projects =>
        [.. Directory.EnumerateFiles(Root, "*.csproj", SearchOption.AllDirectories).Select(Relative).Where(path => !path.StartsWith(".local/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Services))]
    public void A_service_references_the_defaults_and_the_contracts_and_nothing_else_of_ours(string project)
    {
        string[] allowed = project.EndsWith("EasySmart.Contracts.csproj", StringComparison.Ordinal)
            ? []
            : ["EasySmart.Contracts", "EasySmart.ServiceDefaults"];
        Assert.All(References(project, "ProjectReference").Select(Path.GetFileNameWithoutExtension), name => Assert.Contains(name, allowed));
    }

    [Fact]
    public void The_contracts_need_no_package() => Assert.Empty(References("services/Contracts/EasySmart.Contracts.csproj", "PackageReference"));

    [Fact]
    public void The_defaults_know_no_service() => Assert.Equal(
        ["EasySmart.Contracts"],
        References("ServiceDefaults/EasySmart.ServiceDefaults.csproj", "ProjectReference").Select(Path.GetFileNameWithoutExtension));

    [Fact]
    public void The_local_broker_stands_alone_as_EMQX_would() =>
        Assert.Empty(References("deploy/local/Broker/EasySmart.Broker.csproj", "ProjectReference"));

    [Theory]
    [MemberData(nameof(Projects))]
    public void Only_the_AppHost_and_its_tests_need_Aspire(string project)
    {
        if (!project.StartsWith("AppHost/", StringComparison.Ordinal) && !project.StartsWith("tests/AppHost/", StringComparison.Ordinal))
        {
            Assert.DoesNotContain("Aspire", File.ReadAllText(Path.Combine(Root, project)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void A_Program_is_read_at_a_glance(string project)
    {
        var program = Path.Combine(Root, Path.GetDirectoryName(project)!, "Program.cs");
        if (File.Exists(program))
        {
            Assert.InRange(File.ReadAllLines(program).Length, 1, 39);
        }
    }

    [Fact]
    public void The_filter_leaves_out_the_AppHost_and_its_tests_only()
    {
        using var filter = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, "deploy/local/fleet.slnf")));
        var inFilter = filter.RootElement.GetProperty("solution").GetProperty("projects").EnumerateArray().Select(p => p.GetString()!);
        var all = Projects.Select(row => row.Data);
        Assert.Equal(
            all.Where(p => !p.StartsWith("AppHost/", StringComparison.Ordinal) && !p.StartsWith("tests/AppHost/", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            inFilter.Order(StringComparer.Ordinal));
        var solution = File.ReadAllText(Path.Combine(Root, "EasySmart.sln"));
        Assert.All(all, project => Assert.True(
            solution.Contains($"\"{project}\"", StringComparison.Ordinal) || solution.Contains($"\"{project.Replace('/', '\\')}\"", StringComparison.Ordinal),
            $"{project} is not in EasySmart.sln"));
    }

    [Fact]
    public void Nothing_is_named_for_nothing()
    {
        string[] empty = ["Common", "Shared", "Utils", "Util", "Helpers", "Helper", "Misc", "Manager", "Managers"];
        var named = Directory.EnumerateFiles(Root, "*.cs", SearchOption.AllDirectories).Select(Relative)
            .Where(path => path.Split('/').Any(part => empty.Contains(Path.GetFileNameWithoutExtension(part), StringComparer.OrdinalIgnoreCase)));
        Assert.Empty(named);
    }

    private static IEnumerable<string> References(string project, string kind) =>
        XDocument.Load(Path.Combine(Root, project)).Descendants(kind)
            // A program that the build runs is no part of what is built.
            .Where(e => (string?)e.Attribute("ReferenceOutputAssembly") != "false")
            .Select(e => (string)e.Attribute("Include")!);

    private static string Relative(string path) => Path.GetRelativePath(Root, path);

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "EasySmart.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }
}
