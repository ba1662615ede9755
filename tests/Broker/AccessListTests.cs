namespace EasySmart.Broker.Tests;

public class AccessListTests
{
    [Theory]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "a/c", false)]
    [InlineData("a/b", "a", false)]
    [InlineData("a/b", "a/b/c", false)]
    [InlineData("a/+/b", "a/x/b", true)]
    [InlineData("a/+/b", "a/+/b", true)]
    [InlineData("a/+/b", "a/x/y/b", false)]
    [InlineData("a/+", "a/", true)]
    [InlineData("a/+", "a", false)]
    [InlineData("a/+", "a/#", false)]
    [InlineData("a/+/#", "a/#", false)]
    [InlineData("a/+/#", "a/+", true)]
    [InlineData("a/b", "a/+", false)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/#", "a/#", true)]
    [InlineData("a/#", "a/b/#", true)]
    [InlineData("a/#", "a/+/c", true)]
    [InlineData("a/#", "#", false)]
    [InlineData("a/#", "+/b", false)]
    [InlineData("a/#", "ab", false)]
    [InlineData("#", "anything/at/all", true)]
    [InlineData("#", "#", true)]
    [InlineData("#", "$SYS/brokers", false)]
    [InlineData("#", "$SYS/#", false)]
    [InlineData("+/x", "$SYS/x", false)]
    [InlineData("$SYS/#", "$SYS/brokers", true)]
    [InlineData("/a", "/a", true)]
    [InlineData("+/a", "/a", true)]
    [InlineData("+", "", false)]
    public void A_filter_covers_what_is_inside_it(string filter, string subject, bool covered) =>
        Assert.Equal(covered, Topics.Covers(filter, subject));

    [Theory]
    [InlineData("a", true)]
    [InlineData("#", true)]
    [InlineData("+", true)]
    [InlineData("a/+/b/#", true)]
    [InlineData("/", true)]
    [InlineData("a//b", true)]
    [InlineData("", false)]
    [InlineData("a#", false)]
    [InlineData("a/#/b", false)]
    [InlineData("#/", false)]
    [InlineData("a+/b", false)]
    [InlineData("a/b+", false)]
    [InlineData("a\0", false)]
    public void A_filter_has_its_wildcards_where_they_belong(string filter, bool valid) => Assert.Equal(valid, Topics.IsFilter(filter));

    [Fact]
    public void The_first_rule_that_matches_decides_and_none_means_no()
    {
        var access = List(
            "id", "user", ("deny", "publish", "a/secret"), ("allow", "publish", "a/#"), ("deny", "all", "#"), ("allow", "all", "b"));
        Assert.False(access.AllowsPublish("a/secret"));
        Assert.True(access.AllowsPublish("a/x"));
        Assert.False(access.AllowsSubscribe("a/x"));
        Assert.False(access.AllowsPublish("b"));
        Assert.False(List("id", "user").AllowsPublish("a"));
        Assert.False(List("id", "user", ("deny", "all", "#")).AllowsSubscribe("$SYS/#"));
    }

    [Fact]
    public void An_eq_rule_is_about_the_filter_itself()
    {
        var access = List("id", "user", ("allow", "subscribe", "eq a/+"), ("allow", "publish", "eq a/#"));
        Assert.True(access.AllowsSubscribe("a/+"));
        Assert.False(access.AllowsSubscribe("a/b"));
        Assert.False(access.AllowsPublish("a/b"));
    }

    [Fact]
    public void Placeholders_stand_for_the_client_that_logged_in()
    {
        var access = List("service/x", "u", ("allow", "all", "c/${clientid}/${username}/#"), ("allow", "publish", "eq ${username}"));
        Assert.True(access.AllowsPublish("c/service/x/u/1"));
        Assert.True(access.AllowsPublish("u"));
        Assert.False(access.AllowsPublish("c/other/u/1"));
    }

    [Theory]
    [InlineData("perhaps", "publish", "a")]
    [InlineData(null, "publish", "a")]
    [InlineData("allow", "read", "a")]
    [InlineData("allow", null, "a")]
    [InlineData("allow", "publish", "")]
    [InlineData("allow", "publish", null)]
    [InlineData("allow", "publish", "a/#/b")]
    [InlineData("allow", "publish", "c/${clientid}")] // whose client id is a wildcard
    [InlineData("deny", "publish", "c/${username}")] // which is empty
    public void A_rule_that_makes_no_sense_spoils_the_list(string? permission, string? action, string? topic) =>
        Assert.Null(AccessList.TryCreate([new(permission, action, topic)], superuser: false, "+", "", out _));

    [Fact]
    public void A_superuser_is_not_asked()
    {
        var access = AccessList.TryCreate([new("deny", "all", "#")], superuser: true, "id", "user", out _)!;
        Assert.True(access.AllowsPublish("a") && access.AllowsSubscribe("#"));
    }

    private static AccessList List(string id, string user, params (string, string, string)[] rules) =>
        AccessList.TryCreate([.. rules.Select(r => new AccessRule(r.Item1, r.Item2, r.Item3))], superuser: false, id, user, out _)!;
}
