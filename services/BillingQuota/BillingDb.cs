using EasySmart.BillingQuota.Plans;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota;

/// <summary>The plans. Usage is beside it, added up by its consumer alone.</summary>
internal sealed class BillingDb(DbContextOptions<BillingDb> options) : DbContext(options)
{
    public DbSet<TenantPlan> TenantPlans => Set<TenantPlan>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddOutbox();
        modelBuilder.Entity<TenantPlan>(plan =>
        {
            plan.HasKey(p => p.TenantId);
            plan.Property(p => p.TenantId).ValueGeneratedNever();
        });
    }
}
